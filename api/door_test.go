package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/api/calendar"
	"rouse/api/callbacks"
	"rouse/api/intake"
	"rouse/api/spool"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/migrations/dbtest"
)

// wire is what a database is reached by, and can be made to hang: connections are taken, and nothing comes back.
type wire struct {
	net.Listener
	hung chan struct{} // closed: it hangs

	mu    sync.Mutex
	conns []net.Conn
}

// through gives a pool whose connections go through a wire.
func through(t *testing.T, db *pgxpool.Pool, connections int32) (*pgxpool.Pool, *wire) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, hung: make(chan struct{})}
	cfg := db.Config()
	cfg.MaxConns = connections
	dial := cfg.ConnConfig.DialFunc
	where := make(chan [2]string, 1)
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		select {
		case where <- [2]string{network, address}:
		default:
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			w.keep(near)
			go func() {
				to := <-where
				where <- to
				far, err := dial(context.Background(), to[0], to[1])
				if err != nil {
					_ = near.Close()
					return
				}
				w.keep(far)
				go w.carry(far, near)
				w.carry(near, far)
			}()
		}
	}()
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.Close()
		w.mu.Lock()
		for _, c := range w.conns {
			_ = c.Close()
		}
		w.mu.Unlock()
		pool.Close()
	})
	return pool, w
}

func (w *wire) keep(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
}

// carry brings what one side says to the other, until the wire hangs.
func (w *wire) carry(from, to net.Conn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-w.hung:
			return // nobody learns of it
		default:
		}
		if _, wrong := to.Write(buffer[:n]); err != nil || wrong != nil {
			_, _ = from.Close(), to.Close()
			return
		}
	}
}

// spooledEngine takes alerts through a spool.
type spooledEngine struct {
	pager.Engine
	spool *spool.Spool
}

func (s spooledEngine) Receive(ctx context.Context, a engine.Alert) (pager.Received, error) {
	return s.spool.Receive(ctx, a)
}

// Rule 1: while the database hangs a sender is told within 2 s, counted from when its request came to the door,
// also if the door is full: to come again, or, with a spool, that its alert is kept.
func TestSendersAreAnsweredInTimeWhileTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spool int64
		want  int
	}{{"without a spool", 0, http.StatusServiceUnavailable}, {"with a spool", spool.DefaultLimit, http.StatusAccepted}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t)
			secret, _, err := enginedb.New(db).CreateKey(t.Context(), enginedb.Key{Name: "sender", Scopes: []enginedb.Scope{enginedb.ScopeIntake}})
			if err != nil {
				t.Fatal(err)
			}
			pool, wire := through(t, db, 10)
			log := slog.New(slog.DiscardHandler)
			p, err := pager.New(pager.Config{DB: pool, Log: log}) // not started
			if err != nil {
				t.Fatal(err)
			}
			keys := NewKeyring(pool, nil, log)
			if err := keys.look(t.Context()); err != nil {
				t.Fatal(err)
			}
			kept := spool.New(spool.Config{Dir: t.TempDir(), Limit: c.spool, Next: p, Log: log})
			t.Cleanup(func() { _ = kept.Close() })
			api := New(Config{Engine: p, DB: pool, Health: http.NotFoundHandler(), Log: log,
				Intake:    intake.New(intake.Config{Engine: spooledEngine{p, kept}, Keys: keys, Log: log}),
				Calendar:  calendar.New(calendar.Config{DB: pool, Log: log}),
				Callbacks: callbacks.New(callbacks.Config{Engine: p, Log: log})})
			d := &desk{t: t, api: api, log: &bytes.Buffer{}}
			close(wire.hung)

			var senders sync.WaitGroup
			for i := range maxSenders + 20 {
				senders.Go(func() {
					began := time.Now()
					got := d.send(secret, "POST", "/v1/alerts", fmt.Sprintf(`{"summary": "Disk full", "dedup_key": "disk-%d"}`, i))
					if took := time.Since(began); got.status != c.want || took > 2500*time.Millisecond {
						t.Errorf("an alert was answered %d after %v, want %d within 2s: %s", got.status, took, c.want, got.body)
					}
				})
			}
			senders.Wait()
		})
	}
}

// The time that a sender takes to send is its own.
func TestASlowUploadHasItsTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := io.Pipe()
		body := &upload{ReadCloser: from}
		go func() {
			for range 5 {
				<-time.After(time.Second)
				_, _ = to.Write([]byte("half a word "))
			}
			_ = to.Close()
		}()
		if _, err := io.ReadAll(body); err != nil || body.Waited() != 5*time.Second {
			t.Errorf("the body was waited for %v, %v", body.Waited(), err)
		}
	})
}
