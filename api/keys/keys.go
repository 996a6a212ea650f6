// Package keys makes API keys and changes what is kept of them, for REST and the command line alike: what may be
// asked for, how many keys a service may have, and how a sender's secret is sealed. It decides nothing about who
// may ask, and nothing about what a key may do.
//
// The keys of a service are changed without losing an alert: make a second one, give it to the sender, watch
// until LastUsedAt of the first stands still, and revoke that.
package keys

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rouse/api/intake"
	"rouse/api/seal"
	"rouse/engine/enginedb"
	"rouse/rosters"
)

// The limits of a key.
const (
	MaxOfService = 10       // keys in force of one service: as many senders, or fewer while they are given new ones
	minForeign   = 16       // characters of a foreign key: fewer could be guessed, as its hash is a plain one
	maxForeign   = 256      // characters: it has to fit into a header or a path
	minSecret    = 8        // bytes of what a sender signs with; some senders take no longer one
	maxSecret    = 1024     // bytes
	maxSettings  = 16 << 10 // bytes of JSON: each node remembers those of all keys
)

// Maker makes and changes keys. Its zero value seals nothing.
type Maker struct {
	Secrets *seal.Box // that seals what senders sign with
}

// Wish is what is asked for of a key.
type Wish struct {
	enginedb.Key         // its Name, Scopes, Service, Person, Dialect and Settings count
	Foreign      string  // a key that another system made; "": one is to be made
	Secret       *string // what the sender signs with; nil or "": it does not. To Change, nil leaves it as it is
}

// LimitError says that a service has as many keys in force as it may have.
type LimitError struct{ Service string }

func (e *LimitError) Error() string {
	return fmt.Sprintf("service %s has %d keys in force, which is the limit: revoke one that last_used_at says nobody sends with", e.Service, MaxOfService)
}

// Make makes or registers a key, and returns its text unless that is a foreign one. db must be on a transaction,
// for the limit to hold. The error is rosters.FieldErrors, with the pointers /name, /key, /scopes, /dialect, /settings
// and /secret; *LimitError; enginedb.ErrNotFound if there is no such service or person; enginedb.ErrExists if the
// foreign key is registered already, also as one that was revoked.
func (m Maker) Make(ctx context.Context, db enginedb.Store, w Wish) (text string, k enginedb.Key, err error) {
	signs := w.Secret != nil && *w.Secret != ""
	if err := w.check(signs); err != nil {
		return "", k, err
	}
	if w.Service != "" {
		n, err := db.CountKeys(ctx, w.Service)
		if err != nil {
			return "", k, err
		}
		if n >= MaxOfService {
			return "", k, &LimitError{string(w.Service)}
		}
	}
	text = w.Foreign
	if text == "" {
		text = enginedb.MintKey()
	}
	w.Sealed = nil
	if signs {
		if w.Sealed, err = m.seal(enginedb.HashKey(text), *w.Secret); err != nil {
			return "", k, err
		}
	}
	if k, err = db.RegisterKey(ctx, w.Key, text); err != nil {
		return "", k, err
	}
	if w.Foreign != "" {
		text = ""
	}
	return text, k, nil
}

// Change gives a key the name, dialect and settings of a wish, and its secret if there is one: "" takes it away.
// The error is rosters.FieldErrors as of Make, or enginedb.ErrNotFound.
func (m Maker) Change(ctx context.Context, db enginedb.Store, is enginedb.Key, w Wish) (enginedb.Key, error) {
	w.Scopes, w.Service, w.ID, w.Foreign = is.Scopes, is.Service, is.ID, ""
	signs := len(is.Sealed) > 0
	if w.Secret != nil {
		signs = *w.Secret != ""
	}
	if err := w.check(signs); err != nil {
		return is, err
	}
	w.Sealed = nil
	if w.Secret != nil {
		w.Sealed = []byte{}
		if signs && !is.RevokedAt.IsZero() {
			return is, refusal("/secret", "the key was revoked; make another one")
		}
		if signs {
			var err error
			if w.Sealed, err = m.seal(is.Hash, *w.Secret); err != nil {
				return is, err
			}
		}
	}
	return db.UpdateKey(ctx, w.Key)
}

func (m Maker) seal(hash []byte, secret string) ([]byte, error) {
	sealed, err := m.Secrets.Seal(owner(hash), []byte(secret))
	if errors.Is(err, seal.ErrNoKey) {
		return nil, refusal("/secret", "cannot be kept: this Rouse has no key to encrypt it with. Make one (openssl rand -base64 32), "+
			"set it as ROUSE_SECRET_KEY or ROUSE_SECRET_KEY_FILE on every node, and start them again")
	}
	return sealed, err
}

// owner is what the secret of a key is sealed for: the row has no number yet when it is, and its hash never changes.
func owner(hash []byte) string { return "api_key:" + hex.EncodeToString(hash) }

// SecretOf opens what the sender signs with; nil if it does not. An error, which is one of package seal, means
// that the sender cannot be told from others: nothing may be taken from it.
func SecretOf(secrets *seal.Box, k enginedb.Key) ([]byte, error) {
	if len(k.Sealed) == 0 {
		return nil, nil
	}
	secret, err := secrets.Open(owner(k.Hash), k.Sealed)
	if err == nil && len(secret) < minSecret {
		err = seal.ErrDamaged // nothing so short is ever sealed, and an empty one would be none
	}
	return secret, err
}

// Remedy says what to do about an error of SecretOf.
func Remedy(err error) string {
	if errors.Is(err, seal.ErrDamaged) {
		return "give the API key its secret again (PUT), or make another one"
	}
	return "set ROUSE_SECRET_KEY to the key that sealed it, beside others with a comma between, or give the API key its secret again (PUT)"
}

// check finds all that is wrong with a wish, and makes its settings what is kept of them; signs says that the
// sender will sign.
func (w *Wish) check(signs bool) error {
	var wrong rosters.FieldErrors
	bad := func(pointer, problem string) {
		if problem != "" {
			wrong = append(wrong, refusal(pointer, problem)...)
		}
	}
	if w.Foreign != "" {
		bad("/key", foreign(w.Foreign))
	}
	read, problem := settings(w.Settings)
	w.Settings = read
	err := intake.CheckSettings(w.Dialect, read)
	fields, ok := errors.AsType[rosters.FieldErrors](err)
	switch {
	case problem != "":
		bad("/settings", problem)
	case err != nil && !ok:
		return err
	case err != nil:
		wrong = append(wrong, fields...)
	case signs && !slices.Contains(intake.Signing(), w.Dialect):
		bad("/dialect", "must be one whose senders sign, as the key has a secret, which the others would not look at: "+strings.Join(intake.Signing(), ", "))
	}
	if w.Secret != nil && *w.Secret != "" {
		bad("/secret", secret(*w.Secret))
	}
	if len(wrong) > 0 {
		return wrong
	}
	return w.onlySenders(signs)
}

// onlySenders refuses what means nothing, or would be a danger, for a key that may do more than send alerts: one that
// another system made may lie about, and be short.
func (w *Wish) onlySenders(signs bool) error {
	if slices.Equal(w.Scopes, []enginedb.Scope{enginedb.ScopeIntake}) {
		return nil
	}
	var wrong rosters.FieldErrors
	for _, part := range []struct {
		pointer string
		given   bool
	}{{"/key", w.Foreign != ""}, {"/dialect", w.Dialect != ""}, {"/settings", w.Settings != nil}, {"/secret", signs}} {
		if part.given {
			wrong = append(wrong, refusal(part.pointer, "is for keys of senders, whose only scope is intake")...)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return wrong
}

func refusal(pointer, problem string) rosters.FieldErrors {
	return rosters.FieldErrors{{Field: pointer, Problem: problem}}
}
