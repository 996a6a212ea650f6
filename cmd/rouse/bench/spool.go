package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"rouse/api/spool"
	"rouse/engine"
	"rouse/engine/pager"
)

// away is a database that does not answer.
type away struct{}

var errAway = errors.New("the database is away")

func (away) Receive(context.Context, engine.Alert) (pager.Received, error) {
	return pager.Received{}, errAway
}

// measureSpool has 32 senders keep alerts on the disk that the bench's folder is on, each waiting for its fsync.
func measureSpool(ctx context.Context, r *rig) ([]Figure, error) {
	s := spool.New(spool.Config{Dir: filepath.Join(r.o.Dir, "spool"), Limit: 1 << 30, Next: away{}})
	ctx, cancel := context.WithCancel(ctx)
	var replaying sync.WaitGroup
	replaying.Go(func() { s.Run(ctx) })
	defer replaying.Wait()
	defer cancel()
	var mu sync.Mutex
	var took []time.Duration
	done, err := drive(ctx, 32, lasting(r.span(5*time.Second)), func(ctx context.Context, i int) error {
		began := time.Now()
		got, err := s.Receive(ctx, engine.Alert{Action: engine.Trigger, Service: "database", Severity: engine.Critical, Summary: fmt.Sprint("benchmark ", i),
			DedupKey: fmt.Sprint("spool-", i), Source: "bench", Raw: make([]byte, 1000)})
		if err != nil || got.Outcome != pager.Spooled {
			return fmt.Errorf("an alert was not kept: %v, %w", got.Outcome, err)
		}
		mu.Lock()
		took = append(took, time.Since(began))
		mu.Unlock()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return append([]Figure{{Name: "alerts kept on disk, 32 senders", Value: done.perSecond(), Unit: "/s", N: done.done}}, spread("kept on disk and fsync'd, 32 senders", "", "", took)...), nil
}
