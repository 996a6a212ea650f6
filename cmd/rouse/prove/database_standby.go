package prove

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/notifiers/fake"
)

// proveStandby stops the database at once and for good, and promotes its synchronous standby, each time
// with a new pair. The nodes know both, and take the one that can be written to.
func proveStandby(ctx context.Context, t *trial) (Result, error) {
	n := t.size(1, 20)
	var all []part
	for i := range n {
		all = append(all, part{fmt.Sprint(i + 1), promoteOnce})
	}
	result, err := t.parts(ctx, all...)
	if n > 1 {
		result.Notes = []string{fmt.Sprintf("a synchronous standby was promoted %s", times(n))}
	}
	return result, err
}

func promoteOnce(ctx context.Context, t *trial) (Result, error) {
	r, err := t.newRig(ctx, layout{world: usualWorld(t.rand, brisk, 5*time.Minute)})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	second, err := r.newStandby(ctx)
	if second != nil {
		defer second.close()
	}
	if err != nil {
		return Result{}, err
	}
	ways, err := r.toEither(second)
	for _, way := range ways {
		defer way.close()
	}
	if err != nil {
		return Result{}, err
	}
	if err := r.startNodes(ctx, 2); err != nil {
		return Result{}, err
	}
	told := r.listen()
	stop := r.usualLoad()
	fake.Sleep(ctx, between(t.rand, 4*time.Second, 6*time.Second))
	took, err := r.promote(ctx, second)
	if err != nil {
		return Result{}, err
	}
	t.say("promoted after %s", took.Round(time.Millisecond))
	fake.Sleep(ctx, 4*time.Second)
	result, err := r.finish(ctx, stop, limits{late: backLate})
	result.note("a synchronous standby took over within %.1f s", took.Seconds())
	told.into(&result)
	return result, err
}

// toEither gives the nodes, which are not started yet, a way to both databases, and the rig itself, too.
func (r *rig) toEither(second *standby) (ways []*proxy, err error) {
	first, err := newProxy(r.database)
	if err != nil {
		return nil, err
	}
	other, err := newProxy(second.dial)
	if err != nil {
		return []*proxy{first}, err
	}
	ways = []*proxy{first, other}
	r.layout.environ = append(r.layout.environ, fmt.Sprintf("ROUSE_DATABASE_URL=postgres://postgres@%s,%s/postgres?sslmode=disable&target_session_attrs=read-write",
		first.address, other.address))
	primary, err := pgconn.ParseConfig(r.pg.URL())
	if err != nil {
		return ways, err
	}
	r.db.Close()
	r.db, err = pgxpool.New(r.ctx, fmt.Sprintf("host=%s,%s port=%d,5432 user=postgres dbname=postgres sslmode=disable target_session_attrs=read-write",
		primary.Host, second.socket, primary.Port))
	return ways, err
}

// promote ends the database and puts its standby in its place.
func (r *rig) promote(ctx context.Context, second *standby) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second) // once begun, it is ended
	defer cancel()
	from := time.Now()
	if err := r.dropPostgres(); err != nil {
		return 0, err
	}
	if err := second.promote(ctx); err != nil {
		return 0, err
	}
	if err := r.answers(ctx, 20*time.Second); err != nil {
		return 0, err
	}
	r.ledger.fault(fault{kind: away, from: from, to: time.Now()})
	return time.Since(from), nil
}
