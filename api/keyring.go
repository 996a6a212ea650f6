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
	"rouse/notifiers"
)

// Keyring knows the keys of senders. The database is asked each time, so that a revoked key is refused at
// once; while it does not answer, those count that were in force when it was last looked at, so that alerts
// can be taken in meanwhile.
//
// Looks are 5 s apart and take 5 s at the most. So a key that was revoked in the last 10 s before the database
// went away may count until a second or two after it is back, unless this node has refused it. What was
// accepted meanwhile is stored then, as anything accepted is: keys are not asked for again by the spool. A key
// made in those seconds is not known, and its sender is asked to come again.
type Keyring struct {
	store   enginedb.Store
	secrets *seal.Box
	log     *slog.Logger

	away       atomic.Int64 // unix nanoseconds until when the database is not asked, as it did not answer; 0: it did
	mu         sync.RWMutex
	remembered map[string]enginedb.Key // by hash
	forgotten  map[string]bool         // hashes of those that were refused since the look under way began; nil: none is
	told       seldom                  // that a key cannot be looked up
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
	away := k.away.Load()
	if now := time.Now(); now.UnixNano() < away || away != 0 && !k.away.CompareAndSwap(away, now.Add(awayFor).UnixNano()) {
		return k.remember(hash, errAway) // one asks whether it is back, and the others do not wait for the answer
	}
	within := keyWithin
	if end, ok := ctx.Deadline(); ok { // the alert has to be kept, too
		within = min(within, time.Until(end)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	key, err := k.store.KeyByHash(ctx, hash)
	if err != nil && !errors.Is(err, enginedb.ErrNotFound) {
		k.away.Store(time.Now().Add(awayFor).UnixNano())
		return k.remember(hash, err)
	}
	k.away.Store(0)
	if err != nil {
		k.forget(hash)
		return enginedb.Key{}, intake.ErrUnknownKey
	}
	return key, nil
}

var errAway = errors.New("the database does not answer")

// remember finds a key in the memory. cause is why the database was not asked, or did not answer.
func (k *Keyring) remember(hash []byte, cause error) (enginedb.Key, error) {
	k.mu.RLock()
	key, ok := k.remembered[string(hash)]
	k.mu.RUnlock()
	if ok {
		return key, nil
	}
	if k.told.may() {
		k.log.Error("a sender is refused with 503, as its key cannot be looked up; others may be, for a minute, without a line here", "error", notifiers.MaskNumbers(cause.Error()))
	}
	return enginedb.Key{}, fmt.Errorf("%w: %w", intake.ErrKeyNotLookedUp, cause)
}

// seldom is of a line in the log that one a minute is enough of.
type seldom struct{ last atomic.Int64 } // unix nanoseconds

// may reports whether it is time for one.
func (s *seldom) may() bool {
	now, last := time.Now().UnixNano(), s.last.Load()
	return (last == 0 || now-last >= int64(time.Minute)) && s.last.CompareAndSwap(last, now)
}

// forget makes sure that a key which was just refused is not remembered should the database be away the next time.
func (k *Keyring) forget(hash []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.remembered, string(hash))
	if k.forgotten != nil { // the look may have found it in force before it was revoked
		k.forgotten[string(hash)] = true
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
	k.forgotten = map[string]bool{}
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		k.forgotten = nil
		k.mu.Unlock()
	}()
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
	for hash := range k.forgotten {
		delete(found, hash)
	}
	k.remembered = found
	return nil
}
