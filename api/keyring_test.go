package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/api/intake"
	"rouse/api/keys"
	"rouse/api/seal"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

// sealedBy is a box whose keys are the same in every run, the first of them sealing.
func sealedBy(t testing.TB, seeds ...byte) *seal.Box {
	t.Helper()
	var all []seal.Key
	for _, seed := range seeds {
		k, err := seal.NewKey(bytes.Repeat([]byte{seed}, seal.Size))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	return seal.New(all...)
}

// farAway is a database that can be away, and whose answers can be held up.
type farAway struct {
	enginedb.DB
	away     atomic.Bool
	answered func(sql string) // called between an answer and its being read; nil: nothing
}

func (f *farAway) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if f.away.Load() {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		return f.DB.Query(gone, sql, args...)
	}
	rows, err := f.DB.Query(ctx, sql, args...)
	if f.answered != nil {
		f.answered(sql)
	}
	return rows, err
}

// node is the keyring of one server.
type node struct {
	*Keyring
	db  *farAway
	log *bytes.Buffer
	all enginedb.Store // on the same database, never away
}

func newNode(t *testing.T, secrets *seal.Box) *node {
	t.Helper()
	db := dbtest.New(t)
	n := &node{db: &farAway{DB: db}, log: &bytes.Buffer{}, all: enginedb.New(db)}
	n.Keyring = NewKeyring(n.db, secrets, slog.New(slog.NewTextHandler(n.log, nil)))
	return n
}

// makes makes an intake key.
func (n *node) makes(t *testing.T, secrets *seal.Box, w keys.Wish) (text string, k enginedb.Key) {
	t.Helper()
	w.Name, w.Scopes = "sender", []enginedb.Scope{enginedb.ScopeIntake}
	text, k, err := keys.Maker{Secrets: secrets}.Make(t.Context(), n.all, w)
	if err != nil {
		t.Fatal(err)
	}
	return text, k
}

func (n *node) takes(t *testing.T, text string) error {
	t.Helper()
	_, err := n.Sender(t.Context(), text)
	return err
}

func TestAKeyThatWasRevokedWhileTheDatabaseWasAwayIsRefusedSoon(t *testing.T) {
	n := newNode(t, nil)
	text, k := n.makes(t, nil, keys.Wish{})
	if err := n.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.db.away.Store(true)
	if err := n.takes(t, text); err != nil {
		t.Fatalf("the database is away, and the key is not remembered: %v", err)
	}
	if err := n.all.RevokeKey(t.Context(), "", k.ID); err != nil { // by another node
		t.Fatal(err)
	}
	n.db.away.Store(false)
	back := time.Now()
	err := n.takes(t, text)
	for ; !errors.Is(err, intake.ErrUnknownKey); err = n.takes(t, text) {
		if time.Since(back) > 5*time.Second {
			t.Fatalf("revoked, and taken 5 s after the database came back: %v", err)
		}
	}
	n.db.away.Store(true)
	n.Keyring.away.Store(0)
	if err := n.takes(t, text); err == nil {
		t.Error("it was refused, and is taken again as the database is away once more")
	}
}

func TestALookThatBeganBeforeARevocationDoesNotBringTheKeyBack(t *testing.T) {
	n := newNode(t, nil)
	text, k := n.makes(t, nil, keys.Wish{})
	if err := n.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.db.answered = func(sql string) {
		n.db.answered = nil // the look alone
		if err := n.all.RevokeKey(t.Context(), "", k.ID); err != nil {
			t.Error(err)
		}
		if err := n.takes(t, text); !errors.Is(err, intake.ErrUnknownKey) {
			t.Errorf("revoked, and: %v", err)
		}
	}
	if err := n.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.db.away.Store(true)
	if err := n.takes(t, text); err == nil {
		t.Error("the key is remembered again")
	}
}

// A key that no look has found before is not known to be forgotten, either.
func TestAKeyMadeAndRevokedAroundALookIsNotRemembered(t *testing.T) {
	n := newNode(t, nil)
	if err := n.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, k := n.makes(t, nil, keys.Wish{})
	n.db.answered = func(string) { // the look has found it in force, and has not remembered it yet
		n.db.answered = nil
		if err := n.all.RevokeKey(t.Context(), "", k.ID); err != nil {
			t.Error(err)
		}
		if err := n.takes(t, text); !errors.Is(err, intake.ErrUnknownKey) {
			t.Errorf("revoked, and: %v", err)
		}
	}
	if err := n.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.db.away.Store(true)
	if err := n.takes(t, text); !errors.Is(err, intake.ErrKeyNotLookedUp) {
		t.Errorf("it was refused, and while the database is away: %v", err)
	}
}

// Senders are asked to come again; that does not fill the log.
func TestWhoseKeyCannotBeLookedUpIsLoggedOnce(t *testing.T) {
	n := newNode(t, nil)
	n.db.away.Store(true)
	for i := range 20 {
		err := n.takes(t, fmt.Sprint("rouse_", i))
		if !errors.Is(err, intake.ErrKeyNotLookedUp) || !strings.HasPrefix(err.Error(), "the key cannot be looked up: the database is away; try again") {
			t.Errorf("sender %d: %v", i, err)
		}
	}
	if lines := strings.Count(n.log.String(), "cannot be looked up"); lines != 1 {
		t.Errorf("%d lines in the log:\n%s", lines, n.log)
	}
	n.told.last.Add(-int64(time.Minute))
	_ = n.takes(t, "rouse_")
	if lines := strings.Count(n.log.String(), "cannot be looked up"); lines != 2 {
		t.Errorf("a minute later: %d lines in the log", lines)
	}
}

func TestEachKeyIsRememberedWithItsOwnSettings(t *testing.T) {
	n := newNode(t, sealedBy(t, 1))
	want := map[string]string{}
	for i := range 5 {
		secret := fmt.Sprint("the secret of ", i)
		text, _ := n.makes(t, sealedBy(t, 1), keys.Wish{Key: enginedb.Key{Dialect: "grafana"}, Secret: &secret})
		settings := fmt.Sprintf(`{"n": %d}`, i)
		if _, err := n.db.Exec(t.Context(), `update api_key set settings = $2 where hash = $1`, enginedb.HashKey(text), settings); err != nil {
			t.Fatal(err)
		}
		want[text] = "grafana " + settings + " " + secret
	}
	if err := n.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, away := range []bool{false, true} {
		n.db.away.Store(away)
		for text, want := range want {
			s, err := n.Sender(t.Context(), text)
			if got := fmt.Sprintf("%s %s %s", s.Dialect, s.Settings, s.Secret); err != nil || got != want {
				t.Errorf("away %v: got %s, %v; want %s", away, got, err, want)
			}
		}
	}
}

// A sender whose signature cannot be checked is neither believed nor refused for good.
func TestASecretThatDoesNotOpenStopsItsKeyAndNoOther(t *testing.T) {
	secret := "what jira signs with"
	damaged := func(t *testing.T, n *node, k enginedb.Key) {
		if _, err := n.db.Exec(t.Context(), `update api_key set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) where id = $1`, k.ID); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		has    *seal.Box // of the node
		harm   func(*testing.T, *node, enginedb.Key)
		remedy string
	}{
		"sealed with a key that is not set": {sealedBy(t, 2), nil, "set ROUSE_SECRET_KEY"},
		"no key is set":                     {nil, nil, "set ROUSE_SECRET_KEY"},
		"damaged":                           {sealedBy(t, 1), damaged, "its secret again"},
		"that of another key": {sealedBy(t, 1), func(t *testing.T, n *node, k enginedb.Key) {
			_, other := n.makes(t, sealedBy(t, 1), keys.Wish{Key: enginedb.Key{Dialect: "grafana"}, Secret: &secret})
			if _, err := n.db.Exec(t.Context(), `update api_key set sealed = (select sealed from api_key where id = $2) where id = $1`, k.ID, other.ID); err != nil {
				t.Fatal(err)
			}
		}, "its secret again"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, c.has)
			signed, k := n.makes(t, sealedBy(t, 1), keys.Wish{Key: enginedb.Key{Dialect: "grafana"}, Secret: &secret})
			plain, _ := n.makes(t, nil, keys.Wish{})
			if c.harm != nil {
				c.harm(t, n, k)
			}
			if err := n.look(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, away := range []bool{false, true} {
				n.db.away.Store(away)
				s, err := n.Sender(t.Context(), signed)
				forbidden, _ := errors.AsType[*intake.ForbiddenError](err)
				if err == nil || errors.Is(err, intake.ErrUnknownKey) || forbidden != nil || s.Key != 0 {
					t.Errorf("away %v: its sender is %+v, %v; want that it comes again", away, s, err)
				}
				if err := n.takes(t, plain); err != nil {
					t.Errorf("away %v: a key without a secret: %v", away, err)
				}
			}
			said := n.log.String()
			if !strings.Contains(said, k.Prefix) || !strings.Contains(said, c.remedy) || strings.Contains(said, secret) || strings.Contains(said, signed) {
				t.Errorf("the log says %s", said)
			}
		})
	}
}
