package keys

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"rouse/api/providers"
	"rouse/api/seal"
	"rouse/engine/enginedb"
)

// Sealed is what is known of the secrets that are kept.
type Sealed struct {
	All    int
	Older  int        // sealed with a key that opens and is not the first any more
	Closed []Unopened // that no key opens
}

// Unopened is a secret that does not open.
type Unopened struct {
	Key      enginedb.Key // whose sender signs with it; none if it is of a provider
	Provider string
	Err      error
}

// Survey opens each secret that is kept.
func Survey(ctx context.Context, db enginedb.Store, secrets *seal.Box) (s Sealed, err error) {
	found, err := db.SealedKeys(ctx)
	for _, k := range found {
		s.All++
		if _, err := SecretOf(secrets, k); err != nil {
			s.Closed = append(s.Closed, Unopened{Key: k, Err: err})
		} else if !secrets.Current(k.Sealed) {
			s.Older++
		}
	}
	if err != nil {
		return s, err
	}
	all, older, closed, err := providers.Survey(ctx, db, secrets)
	s.All, s.Older = s.All+all, s.Older+older
	for _, name := range slices.Sorted(maps.Keys(closed)) {
		s.Closed = append(s.Closed, Unopened{Provider: name, Err: closed[name]})
	}
	return s, err
}

// Reseal seals with the first key what an older one sealed, of keys and of providers, so that the older one may go. One that was changed
// meanwhile is left alone. Several nodes may do it at the same time.
func Reseal(ctx context.Context, db enginedb.Store, secrets *seal.Box) (done int, err error) {
	found, err := db.SealedKeys(ctx)
	if err != nil {
		return 0, err
	}
	for _, k := range found {
		if secrets.Current(k.Sealed) {
			continue
		}
		secret, err := SecretOf(secrets, k)
		if err != nil {
			continue // Survey tells
		}
		sealed, err := secrets.Seal(owner(k.Hash), secret)
		if err != nil {
			return done, fmt.Errorf("sealing the secret of key %d: %w", k.ID, err)
		}
		changed, err := db.ResealKey(ctx, k.ID, k.Sealed, sealed)
		if err != nil {
			return done, err
		}
		if changed {
			done++
		}
	}
	more, err := providers.Reseal(ctx, db, secrets)
	return done + more, err
}

// again is when Reseal is tried once more after the database did not answer.
const again = time.Minute

// ResealOnce is Reseal for a node that begins: in the background, again and again until it is done or ctx ends. The
// log hears how many were sealed, and of each key whose sender is refused, as its secret does not open.
func ResealOnce(ctx context.Context, db enginedb.Store, secrets *seal.Box, log *slog.Logger) {
	for {
		err := reseal(ctx, db, secrets, log)
		if err == nil || ctx.Err() != nil {
			return
		}
		log.Warn("secrets could not be sealed with the first key; it is tried again", "in", again, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

func reseal(ctx context.Context, db enginedb.Store, secrets *seal.Box, log *slog.Logger) error {
	done, err := Reseal(ctx, db, secrets)
	if done > 0 {
		first, _ := secrets.First()
		log.Info("secrets are sealed with the first key now", "secrets", done, "secret_key", first)
	}
	if err != nil {
		return err
	}
	is, err := Survey(ctx, db, secrets)
	for _, c := range is.Closed {
		if c.Provider != "" {
			log.Error("this provider cannot be used: its secrets do not open", "provider", c.Provider, "error", c.Err, "remedy", Remedy(c.Err))
			continue
		}
		log.Error("alerts of this key are refused with 503: its secret does not open", "api_key", c.Key.Prefix, "error", c.Err, "remedy", Remedy(c.Err))
	}
	return err
}
