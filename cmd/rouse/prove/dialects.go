package prove

import (
	"context"
	"fmt"
	"time"

	"rouse/cmd/rouse/dialects"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
)

// proveDialects kills nodes while senders of every dialect report troubles, each by its own rules of when an
// alert is taken.
func proveDialects(ctx context.Context, t *trial) (Result, error) {
	spoken, trials := dialects.All(), t.size(len(pager.Points()), 300)
	r, err := t.newRig(ctx, layout{nodes: 2, world: usualWorld(t.rand, brisk, time.Duration(trials)*10*time.Second+5*time.Minute)})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	if err := r.giveKeys(ctx); err != nil {
		return Result{}, err
	}
	chance := t.chance("alerts")
	said := map[string]int{}
	stop := r.load(2*usualRate, func(i int) alert {
		a := r.world.anyAlert(chance, fmt.Sprintf("%s-%d", t.name, i+1))
		d := spoken[i%len(spoken)]
		a.dialect, a.severity = &d, engine.Critical
		said[d.Name]++
		return a
	})
	order := t.rand.Perm(len(pager.Points()))
	for i := 0; i < trials && ctx.Err() == nil; i++ {
		r.killAt(ctx, pager.Points()[order[i%len(order)]])
	}
	result, err := r.finish(ctx, stop, limits{late: killedMayBeLate, median: halfLate})
	result.note("%d kills; alerts by dialect: %v", len(r.ledger.read().faults), said)
	return result, err
}

// giveKeys makes a key for each service.
func (r *rig) giveKeys(ctx context.Context) error {
	r.keys = map[engine.ServiceID]string{}
	for _, id := range r.world.services {
		key, _, err := enginedb.New(r.db).CreateKey(ctx, enginedb.Key{Name: "prove " + string(id), Scopes: []enginedb.Scope{enginedb.ScopeIntake}, Service: id})
		if err != nil {
			return fmt.Errorf("making a key for %s: %w", id, err)
		}
		r.keys[id] = key
	}
	return nil
}
