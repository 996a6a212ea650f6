package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"rouse/cmd/rouse/dialects"
	"rouse/engine"
	"rouse/engine/enginedb"
)

// Dialects are measured for so long each, in turns, beside our own format.
const (
	dialectFor     = 2 * time.Second
	dialectRounds  = 3
	dialectClients = 32
)

// measureDialects has 32 clients send new alerts in each dialect. The dialects take turns, and each has our
// own format beside it in the same turn, so that a machine that becomes slower is slow for both.
func measureDialects(ctx context.Context, r *rig) (all []Figure, err error) {
	service, err := r.busyService(ctx)
	if err != nil {
		return nil, err
	}
	own := dialects.All()[0]
	for _, d := range dialects.All() {
		r.o.Say("  " + d.Name)
		var its, plain spoken
		for round := range dialectRounds {
			if err := its.add(ctx, r, service, d, round); err != nil {
				return all, err
			}
			if d.Name == own.Name {
				continue
			}
			if err := plain.add(ctx, r, service, own, round); err != nil {
				return all, err
			}
		}
		slices.Sort(its.took)
		all = append(all, Figure{Name: d.Name + ", new alerts, 32 clients", Value: its.perSecond(), Unit: "/s", N: its.done},
			Figure{Name: d.Name + ", answered, p50", Value: milliseconds(quantile(its.took, 0.5)), Unit: "ms", N: its.done},
			Figure{Name: d.Name + ", answered, p99", Value: milliseconds(quantile(its.took, 0.99)), Unit: "ms", N: its.done})
		if d.Name != own.Name {
			all = append(all, Figure{Name: d.Name + " to /v1/alerts", Value: its.perSecond() / plain.perSecond(), Unit: "×", Goal: "≥ 0.8"})
		}
	}
	return all, nil
}

// spoken is what was said in a dialect.
type spoken struct {
	done  int
	spent time.Duration
	took  []time.Duration
}

func (s *spoken) perSecond() float64 { return float64(s.done) / s.spent.Seconds() }

func (s *spoken) add(ctx context.Context, r *rig, service string, d dialects.Dialect, round int) error {
	if err := r.drop(ctx); err != nil {
		return err
	}
	if err := r.forget(ctx); err != nil {
		return err
	}
	key, _, err := enginedb.New(r.db).CreateKey(ctx, enginedb.Key{Name: d.Name, Scopes: []enginedb.Scope{enginedb.ScopeIntake}, Service: engine.ServiceID(service)})
	if err != nil {
		return err
	}
	speaker, err := newClient(r.client.base.String(), key, dialectClients)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	done, err := drive(ctx, dialectClients, lasting(r.span(dialectFor)), func(ctx context.Context, i int) error {
		trouble := fmt.Sprintf("%s-%d-%s", d.Name, round, strconv.Itoa(i+1))
		began := time.Now()
		a, err := speaker.ask(ctx, http.MethodPost, d.Path, d.Body(key, trouble, "benchmark "+trouble))
		if err != nil {
			return err
		}
		if !d.Taken(a.status, a.body) {
			return errors.New(d.Name + ": " + (&refusal{a.status, said(a.body), 0}).Error())
		}
		mu.Lock()
		s.took = append(s.took, time.Since(began))
		mu.Unlock()
		return nil
	})
	s.done, s.spent = s.done+done.done, s.spent+done.took
	return err
}
