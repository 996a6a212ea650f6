package prove

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"rouse/notifiers/fake"
)

// proveClock lets one node's own clock be an hour ahead, then an hour behind, while the other's is right.
// Nothing else is broken: there is one clock, the database's, and nobody should notice.
func proveClock(ctx context.Context, t *trial) (Result, error) {
	trials := t.size(2, 20)
	spell := 10 * time.Second
	if t.o.Full {
		spell = time.Minute
	}
	r, err := t.newRig(ctx, layout{nodes: 2, world: usualWorld(t.rand, brisk, time.Duration(trials)*spell+5*time.Minute)})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	n := r.nodes[t.rand.IntN(len(r.nodes))]
	stop := r.usualLoad()
	for i := 0; i < trials && ctx.Err() == nil; i++ {
		wrong := time.Hour
		if i%2 == 1 {
			wrong = -time.Hour
		}
		if err := n.setClock(ctx, wrong); err != nil {
			return Result{}, &skipped{fmt.Sprintf("the clock of a node cannot be made wrong on this machine: %v", err)}
		}
		fake.Sleep(ctx, spell)
		if err := n.clockIs(ctx, wrong); err != nil && ctx.Err() == nil {
			return Result{}, fmt.Errorf("the clock did not stay wrong: %w", err)
		}
		t.say("%d of %d: the clock of node %s was wrong by %s for %s", i+1, trials, n.name, wrong, spell)
	}
	return r.finish(ctx, stop, limits{late: time.Second})
}

// setClock changes the clock that a running node sees, and makes sure that it sees it.
func (n *engineNode) setClock(ctx context.Context, wrong time.Duration) error {
	if err := n.Pause(); err != nil {
		return err
	}
	err := skew(n.PID(), wrong)
	if resumed := n.Resume(); err == nil {
		err = resumed
	}
	if err != nil {
		return err
	}
	return n.clockIs(ctx, wrong)
}

// clockIs checks by how much a node's clock is wrong: it stands in the header of every answer.
func (n *engineNode) clockIs(ctx context.Context, wrong time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL()+"/healthz", nil)
	if err != nil {
		return err
	}
	res, err := n.r.senders.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	says, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return err
	}
	if off := time.Until(says); (off - wrong).Abs() > 5*time.Second {
		return fmt.Errorf("it is wrong by %s, and should be by %s", off.Round(time.Second), wrong)
	}
	return nil
}
