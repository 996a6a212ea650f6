// Package verify finds out whether a contact reaches the person it belongs to: it sends a code there, and looks
// whether the person knows it. Its answers never say whether a code arrived, or could be sent at all: whoever asks
// learns nothing of a number but that they can read what is sent to it. That one could not be sent is kept, for
// whom the contact belongs to, and why, for admins.
package verify

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"time"

	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// What a code is good for.
const (
	GoodFor   = 10 * time.Minute
	Tries     = 5
	MaxPlace  = 3  // sent to one contact within an hour
	MaxCaller = 10 // sent for one key within an hour
)

var (
	// ErrWrong is the one answer to a code that is wrong, was never sent, is over or was tried too often.
	ErrWrong = errors.New("the code is not the one that was sent last, or is over")
	// ErrTooMany says that the limits are reached.
	ErrTooMany = rosterdb.ErrTooMany
)

// Config is what Codes need.
type Config struct {
	DB     rosterdb.DB
	Send   func(context.Context, notifiers.Message) error
	Offset func() time.Duration // added to the database's clock; nil: nothing
	Log    *slog.Logger         // nil: slog.Default
}

// Codes sends codes and looks at them.
type Codes struct {
	db     rosterdb.Store
	send   func(context.Context, notifiers.Message) error
	offset func() time.Duration
	log    *slog.Logger
}

// New makes Codes.
func New(c Config) *Codes {
	if c.Offset == nil {
		c.Offset = func() time.Duration { return 0 }
	}
	return &Codes{rosterdb.New(c.DB), c.Send, c.Offset, cmp.Or(c.Log, slog.Default())}
}

// Begin has a code sent to a contact of a person, for a key, and says until when it is good. It does not wait
// for the provider: how long that takes would tell of the number.
func (c *Codes) Begin(ctx context.Context, who rosters.Person, contact rosters.Contact, key int64) (until time.Time, err error) {
	now, err := c.now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	code, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return time.Time{}, fmt.Errorf("making a code: %w", err)
	}
	digits, salt := fmt.Sprintf("%06d", code), make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	place := rosterdb.Place{Person: who.ID, Channel: contact.Channel, Address: contact.Address}
	kept := rosterdb.Code{Salt: salt, Hash: hashed(salt, digits), Expires: now.Add(GoodFor)}
	if err := c.db.KeepCode(ctx, place, kept, key, now, rosterdb.CodeLimits{Place: MaxPlace, Caller: MaxCaller}); err != nil {
		return time.Time{}, err
	}
	m := notifiers.Message{Channel: notifiers.Channel(contact.Channel), Purpose: notifiers.Notice, To: contact.Address, Language: who.Language,
		Text: text(contact.Channel, who.Language, digits)}
	go c.deliver(context.WithoutCancel(ctx), m, place, kept)
	return kept.Expires, nil
}

const (
	maxWhy     = 500 // bytes
	noteWithin = 10 * time.Second
)

// deliver sends a code, and keeps why it could not.
func (c *Codes) deliver(ctx context.Context, m notifiers.Message, to rosterdb.Place, code rosterdb.Code) {
	err := c.send(ctx, m)
	if err == nil {
		return
	}
	why := strings.ReplaceAll(strings.ToValidUTF8(notifiers.MaskNumbers(err.Error()), "�"), "\x00", "�")
	why = strings.ReplaceAll(why, "\n", "; ")
	if len(why) > maxWhy {
		why = strings.ToValidUTF8(why[:maxWhy], "")
	}
	c.log.Warn("a code could not be sent", "person", to.Person, "channel", to.Channel, "err", why)
	ctx, cancel := context.WithTimeout(ctx, noteWithin)
	defer cancel()
	if err := c.db.CodeFailed(ctx, to, code, why); err != nil {
		c.log.Warn("that could not be kept", "person", to.Person, "err", err)
	}
}

// Check verifies a contact by the code that was sent there. ErrWrong if it is not the right one.
func (c *Codes) Check(ctx context.Context, who rosters.PersonID, contact rosters.Contact, digits string) error {
	now, err := c.now(ctx)
	if err != nil {
		return err
	}
	place := rosterdb.Place{Person: who, Channel: contact.Channel, Address: contact.Address}
	kept, err := c.db.TryCode(ctx, place, Tries, now)
	if errors.Is(err, rosterdb.ErrNotFound) {
		kept = rosterdb.Code{Hash: make([]byte, sha256.Size)} // which nothing has, and takes as long
	} else if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(hashed(kept.Salt, digits), kept.Hash) != 1 {
		return ErrWrong
	}
	return c.db.Verify(ctx, place, now)
}

func (c *Codes) now(ctx context.Context) (time.Time, error) {
	now, err := c.db.Now(ctx)
	return now.Add(c.offset()), err
}

// hashed keeps a code from being read by the way in the database. Six digits can be found by trying: what
// protects them is that they are over soon.
func hashed(salt []byte, digits string) []byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(digits))
	return mac.Sum(nil)
}
