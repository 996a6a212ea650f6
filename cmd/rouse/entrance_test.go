package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A node that is replaced refuses nobody who comes while it starts, unless that takes long.
func TestWhoComesWhileTheNodeStartsWaitsAMoment(t *testing.T) {
	for name, c := range map[string]struct {
		after func(*entrance)
		want  int
	}{
		"it has started":       {func(e *entrance) { e.open(http.NotFoundHandler()) }, http.StatusNotFound},
		"the database is away": {func(e *entrance) { e.databaseIsAway("connection refused") }, http.StatusServiceUnavailable},
		"it takes long":        {func(*entrance) { time.Sleep(startHeld) }, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEntrance(slog.New(slog.NewTextHandler(io.Discard, nil)))
				w, done := httptest.NewRecorder(), make(chan struct{})
				go func() { defer close(done); e.ServeHTTP(w, httptest.NewRequest("POST", "/v1/alerts", nil)) }()
				synctest.Wait()
				select {
				case <-done:
					t.Fatalf("it was answered at once: %d", w.Code)
				default:
				}
				c.after(e)
				<-done
				if w.Code != c.want || w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
					t.Errorf("it was answered %d %v, want %d", w.Code, w.Header(), c.want)
				}
			})
		})
	}
}

// Over a connection that is not kept, who still sends while the server closes sees a broken connection
// instead of the answer.
func TestWhatIsRefusedIsReadAllTheSame(t *testing.T) {
	e := newEntrance(slog.New(slog.NewTextHandler(io.Discard, nil)))
	e.open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	for name, c := range map[string]struct {
		size   int
		expect string
		unread int
	}{
		"a large alert":                 {size: 512 << 10},
		"more than anybody may send":    {size: 3 << 20, unread: 2 << 20},
		"who asks before it sends":      {size: 512 << 10, expect: "100-continue", unread: 512 << 10},
		"nothing beside the first line": {},
	} {
		body := strings.NewReader(strings.Repeat("x", c.size))
		r := httptest.NewRequest("POST", "/v2/enqueue", body)
		r.Header.Set("Connection", "close")
		if c.expect != "" {
			r.Header.Set("Expect", c.expect)
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || body.Len() != c.unread {
			t.Errorf("%s: answered %d with %d bytes unread, want 401 and %d", name, w.Code, body.Len(), c.unread)
		}
	}
}

// A Postgres that recovers after a power cut takes connections and refuses work.
func TestADatabaseThatIsStartingMayComeYet(t *testing.T) {
	cfg, err := pgxpool.ParseConfig("postgres://rouse@db:5432/rouse")
	if err != nil {
		t.Fatal(err)
	}
	for code, wait := range map[string]bool{"57P03": true, "57P01": true, "53300": true, "57014": false, "28P01": false, "3D000": false} {
		err := noDatabase(t.Context(), cfg, &pgconn.PgError{Code: code, Message: "no"})
		if _, waits := err.(*noAnswerError); waits != wait {
			t.Errorf("SQLSTATE %s: %v; waited for: %v, want %v", code, err, waits, wait)
		}
	}
}
