package prove

import (
	"context"
	"time"

	"rouse/notifiers/fake"
)

// proveFull fills the disk of the database, once so that tables cannot grow, once so that not even the log
// of transactions can and Postgres gives up, and makes room again. Postgres is started again by a
// supervisor, as on any machine; nobody does anything else.
func proveFull(ctx context.Context, t *trial) (result Result, err error) {
	disk, err := t.smallDisk(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if closed := disk.close(); closed != nil && err == nil {
			err = closed
		}
	}()
	trials := t.size(2, 20)
	r, err := t.newRig(ctx, layout{nodes: 2, world: usualWorld(t.rand, brisk, time.Duration(trials)*90*time.Second+5*time.Minute),
		params: map[string]string{"min_wal_size": "32MB", "max_wal_size": "64MB"}})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	told := r.listen()
	stop := r.usualLoad()
	fake.Sleep(ctx, 2*time.Second)
	fell := 0
	for i := 0; i < trials && ctx.Err() == nil; i++ {
		log := i%2 == 1
		lasts := between(t.rand, 19*time.Second, 21*time.Second) // as long as tries that are spaced out need to be far apart
		switch {
		case log:
			lasts = between(t.rand, 4*time.Second, 5*time.Second)
		case t.o.Full:
			lasts = between(t.rand, 30*time.Second, 70*time.Second)
		}
		n, err := r.full(ctx, disk, lasts, log)
		if err != nil {
			return Result{}, err
		}
		fell += n
		t.say("%d of %d: the disk was full for %.0f s", i+1, trials, lasts.Seconds())
		if i+1 < trials {
			fake.Sleep(ctx, backLate+time.Second)
		}
	}
	result, err = r.finish(ctx, stop, limits{late: backLate})
	result.note("the disk was full %s; Postgres ended for it, and was started again, %s", times(trials), times(fell))
	told.into(&result)
	return result, err
}

// full keeps the disk full for a while, then makes room and waits until the database is there again. With
// log set Postgres needs a new file for its log, too. It tells how often Postgres had to be started.
func (r *rig) full(ctx context.Context, disk *smallDisk, d time.Duration, log bool) (starts int, err error) {
	from := time.Now()
	if err := disk.fill(); err != nil {
		return 0, err
	}
	if log {
		asked, cancel := context.WithTimeout(ctx, 3*time.Second)
		_, _ = r.db.Exec(asked, `select pg_switch_wal()`) // which cannot be
		cancel()
	}
	for time.Since(from) < d && fake.Sleep(ctx, 200*time.Millisecond) {
		starts += r.revive(ctx)
		if err := disk.fill(); err != nil {
			return starts, err
		}
	}
	if err := disk.free(); err != nil {
		return starts, err
	}
	ctx = context.WithoutCancel(ctx)
	for until := time.Now().Add(30 * time.Second); ; {
		starts += r.revive(ctx)
		if err = r.answers(ctx, time.Second); err == nil {
			r.ledger.fault(fault{kind: away, from: from, to: time.Now()})
			return starts, nil
		}
		if time.Now().After(until) {
			return starts, err
		}
	}
}

// revive does what a supervisor does: it starts Postgres if it has ended, which may well fail. It tells
// how often it did.
func (r *rig) revive(ctx context.Context) (starts int) {
	select {
	case <-r.pg.Done():
	default:
		return 0
	}
	r.pg.Stop() // gives its folder free
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if r.runPostgres(ctx) != nil {
		return 0 // the disk is full: it is tried again
	}
	return 1
}
