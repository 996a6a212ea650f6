package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
