package prove

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/notifiers/fake"
)

// proveUpgrade runs the program of the previous release beside this one, on a database that the older one
// made: it exchanges one node after the other, both ways, in an orderly manner and by killing, while
// alerts come in, pages go out and people answer.
func proveUpgrade(ctx context.Context, t *trial) (Result, error) {
	previous, err := t.previous(ctx)
	if err != nil {
		return Result{}, err
	}
	trials := t.size(6, 100)
	l := layout{nodes: 2, world: usualWorld(t.rand, brisk, time.Duration(trials)*15*time.Second+5*time.Minute), program: previous,
		migrate: func(ctx context.Context, _ *pgxpool.Pool, url string) error {
			return migrateWith(ctx, t, previous, url)
		}}
	r, err := t.newRig(ctx, l)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	stop := r.usualLoad()
	exchanged := 0
	for i := 0; i < trials && ctx.Err() == nil; i++ {
		n := r.nodes[i%len(r.nodes)]
		orderly, beside, pause := t.rand.IntN(3) > 0, between(t.rand, 2*time.Second, 4*time.Second), between(t.rand, 0, 500*time.Millisecond)
		if !n.up(20*time.Second) || !fake.Sleep(ctx, beside) {
			continue
		}
		n.halt(orderly)
		n.Executable = otherThan(n.Executable, t.o.Executable, previous)
		fake.Sleep(ctx, pause)
		n.start()
		if n.up(20 * time.Second) {
			exchanged++
		}
		t.say("%d of %d: node %s is %s now", i+1, trials, n.name, t.release(n.Executable))
	}
	result, err := r.finish(ctx, stop, limits{late: killedMayBeLate})
	result.note("%d times a node was exchanged for one of the other release", exchanged)
	if exchanged == 0 && err == nil {
		err = fmt.Errorf("no node of the other release became ready: see the logs (--keep)")
	}
	return result, err
}

func otherThan(now, this, previous string) string {
	if now == this {
		return previous
	}
	return this
}

func (t *trial) release(program string) string {
	if program == t.o.Executable {
		return "this release"
	}
	return "the previous one"
}

// migrateWith has a program make the database.
func migrateWith(ctx context.Context, t *trial, program, url string) error {
	cmd := exec.CommandContext(ctx, program, "migrate")
	cmd.Env = []string{"ROUSE_DATABASE_URL=" + url, "PATH=" + t.o.Getenv("PATH"), "HOME=" + t.o.Getenv("HOME")}
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("migrating with the previous release: %w: %s", err, said)
	}
	return nil
}
