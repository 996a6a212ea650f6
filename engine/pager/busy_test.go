package pager

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// F14: a database that is full fails every tick, for as long as it is full; when it is not any more, nothing
// waits for longer than after the first failure.
func TestIncidentsRestNoLongerForTheDatabasesTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		rest time.Duration // after ten failures
	}{
		"the disk is full":        {&pgconn.PgError{Code: "53100"}, firstRest},
		"the server shuts down":   {&pgconn.PgError{Code: "57P01"}, firstRest},
		"the incident is strange": {errors.New("strange"), longRest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBusy()
				for range 10 {
					time.Sleep(longRest)
					b.begin(1)
					b.end(1, c.err)
				}
				time.Sleep(c.rest - time.Millisecond)
				if !slices.Contains(b.left(), 1) {
					t.Errorf("it rests for less than %s", c.rest)
				}
				time.Sleep(2 * time.Millisecond)
				if slices.Contains(b.left(), 1) {
					t.Errorf("it rests for longer than %s", c.rest)
				}
			})
		})
	}
}
