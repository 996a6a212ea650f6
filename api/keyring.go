package api

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rouse/api/intake"
	"rouse/engine/enginedb"
)

// Keyring knows the keys of senders. The database is asked each time, so that a revoked key is refused at
// once; while it does not answer, those count that were in force when it last did, so that alerts can be
// taken in meanwhile.
type Keyring struct {
	store enginedb.Store
	log   *slog.Logger

	away       atomic.Int64 // unix nanoseconds until when the database is not asked, as it did not answer
	mu         sync.RWMutex
	remembered map[string]intake.Sender // by hash
}

// Times of a Keyring.
const (
	keysKept  = 5 * time.Second        // between two looks at all keys
	keyWithin = 700 * time.Millisecond // for one to be looked up
	awayFor   = time.Second            // not asked again
)

// NewKeyring makes a Keyring.
func NewKeyring(db enginedb.DB, log *slog.Logger) *Keyring {
	return &Keyring{store: enginedb.New(db), log: log}
}

var _ intake.Keys = (*Keyring)(nil)

// Sender finds out who shows a key.
func (k *Keyring) Sender(ctx context.Context, text string) (intake.Sender, error) {
	hash := enginedb.HashKey(text)
	if time.Now().UnixNano() < k.away.Load() {
		return k.remember(hash, errAway)
	}
	ctx, cancel := context.WithTimeout(ctx, keyWithin)
	defer cancel()
	key, err := k.store.KeyByHash(ctx, hash)
	switch {
	case errors.Is(err, enginedb.ErrNotFound):
		return intake.Sender{}, intake.ErrUnknownKey
	case err != nil:
		k.away.Store(time.Now().Add(awayFor).UnixNano())
		return k.remember(hash, err)
	case !permits(key.Scopes, intakes):
		return intake.Sender{}, &intake.ForbiddenError{Prefix: key.Prefix}
	}
	return senderOf(key), nil
}

var errAway = errors.New("the database does not answer")

func (k *Keyring) remember(hash []byte, err error) (intake.Sender, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if s, ok := k.remembered[string(hash)]; ok {
		return s, nil
	}
	return intake.Sender{}, err
}

func senderOf(k enginedb.Key) intake.Sender {
	return intake.Sender{Key: k.ID, Prefix: k.Prefix, Service: k.Service, Dialect: k.Dialect, Settings: k.Settings}
}

// Keep remembers what is in force, again and again until ctx ends.
func (k *Keyring) Keep(ctx context.Context) {
	for {
		if found, err := k.look(ctx); err != nil {
			k.log.Debug("keys of senders could not be read; those of before count", "error", err)
		} else {
			k.mu.Lock()
			k.remembered = found
			k.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(keysKept):
		}
	}
}

func (k *Keyring) look(ctx context.Context) (map[string]intake.Sender, error) {
	ctx, cancel := context.WithTimeout(ctx, keysKept)
	defer cancel()
	found := map[string]intake.Sender{}
	err := k.store.LiveKeys(ctx, func(key enginedb.Key, hash []byte) {
		if permits(key.Scopes, intakes) {
			found[string(hash)] = senderOf(key)
		}
	})
	return found, err
}
