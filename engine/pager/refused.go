package pager

import (
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// Refused reports whether an error of Receive is about the alert itself, so that it would come again whenever
// that is tried: the decision panicked, or the database does not take what is in it (SQLSTATE class 22, data
// exception; 23, integrity constraint violation; 54, program limit exceeded;
// https://www.postgresql.org/docs/current/errcodes-appendix.html). Any other error is the database's: it is
// away, slow, full, read-only, locked or being migrated.
func Refused(err error) bool {
	if errors.Is(err, errDecision) {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && len(pg.Code) > 2 && slices.Contains([]string{"22", "23", "54"}, pg.Code[:2]) && !worthAnotherTry(err)
}
