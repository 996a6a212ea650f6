package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rouse/api/intake"
	"rouse/api/keys"
	"rouse/api/seal"
	"rouse/engine/enginedb"
)

// Keyring knows the keys of senders. The database is asked each time, so that a revoked key is refused at
// once; while it does not answer, those count that were in force when it last did, so that alerts can be
// taken in meanwhile.
type Keyring struct {
	store   enginedb.Store
	secrets *seal.Box
	log     *slog.Logger

	away       atomic.Int64 // unix nanoseconds until when the database is not asked, as it did not answer
	mu         sync.RWMutex
	remembered map[string]enginedb.Key // by hash
	forgotten  []string                // hashes of those that were refused since the last look began
}

// Times of a Keyring.
const (
	keysKept  = 5 * time.Second        // between two looks at all keys
	keyWithin = 700 * time.Millisecond // for one to be looked up
	awayFor   = time.Second            // not asked again
)

// NewKeyring makes a Keyring. What senders sign with is opened with secrets.
func NewKeyring(db enginedb.DB, secrets *seal.Box, log *slog.Logger) *Keyring {
	return &Keyring{store: enginedb.New(db), secrets: secrets, log: log}
}

var _ intake.Keys = (*Keyring)(nil)

// Sender finds out who shows a key. What a sender signs with may not open: then nobody can be told from whoever
// else knows the key, and it is to come again until an operator has seen to it.
func (k *Keyring) Sender(ctx context.Context, text string) (intake.Sender, error) {
	key, err := k.find(ctx, enginedb.HashKey(text))
	if err != nil {
		return intake.Sender{}, err
	}
	if !permits(key.Scopes, intakes) {
		return intake.Sender{}, &intake.ForbiddenError{Prefix: key.Prefix}
	}
	secret, err := keys.SecretOf(k.secrets, key)
	if err != nil {
		k.log.ErrorContext(ctx, "an alert is refused with 503, as what its sender signs with does not open", "api_key", key.Prefix, "error", err, "remedy", keys.Remedy(err))
		return intake.Sender{}, fmt.Errorf("opening the secret of key %s…: %w", key.Prefix, err)
	}
	return intake.Sender{Key: key.ID, Prefix: key.Prefix, Service: key.Service, Dialect: key.Dialect, Settings: key.Settings, Secret: secret}, nil
}

// find asks the database for a key in force, and its own memory if that does not answer.
func (k *Keyring) find(ctx context.Context, hash []byte) (enginedb.Key, error) {
	if time.Now().UnixNano() < k.away.Load() {
		return k.remember(hash, errAway)
	}
	ctx, cancel := context.WithTimeout(ctx, keyWithin)
	defer cancel()
	key, err := k.store.KeyByHash(ctx, hash)
	switch {
	case errors.Is(err, enginedb.ErrNotFound):
		k.forget(hash)
		return enginedb.Key{}, intake.ErrUnknownKey
	case err != nil:
		k.away.Store(time.Now().Add(awayFor).UnixNano())
		return k.remember(hash, err)
	}
	return key, nil
}

var errAway = errors.New("the database does not answer")

func (k *Keyring) remember(hash []byte, err error) (enginedb.Key, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if key, ok := k.remembered[string(hash)]; ok {
		return key, nil
	}
	return enginedb.Key{}, err
}

// forget makes sure that a key which was just refused is not remembered should the database be away the next time.
func (k *Keyring) forget(hash []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.remembered[string(hash)]; ok {
		delete(k.remembered, string(hash))
		k.forgotten = append(k.forgotten, string(hash))
	}
}

// Keep remembers what is in force, again and again until ctx ends.
func (k *Keyring) Keep(ctx context.Context) {
	for {
		if err := k.look(ctx); err != nil {
			k.log.Debug("keys of senders could not be read; those of before count", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(keysKept):
		}
	}
}

// look remembers what is in force now.
func (k *Keyring) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keysKept)
	defer cancel()
	k.mu.Lock()
	k.forgotten = nil
	k.mu.Unlock()
	live, err := k.store.LiveKeys(ctx)
	if err != nil {
		return err
	}
	found := make(map[string]enginedb.Key, len(live))
	for _, key := range live {
		if permits(key.Scopes, intakes) {
			found[string(key.Hash)] = key
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, hash := range k.forgotten { // it was found in force before it was revoked
		delete(found, hash)
	}
	k.remembered = found
	return nil
}
