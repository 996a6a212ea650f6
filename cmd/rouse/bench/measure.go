package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

func measureStart(ctx context.Context, r *rig) ([]Figure, error) {
	service, err := r.service(ctx, time.Hour)
	if err != nil {
		return nil, err
	}
	if err := r.forget(ctx); err != nil {
		return nil, err
	}
	var took, first []time.Duration
	for i := range 10 {
		r.Stop()
		d, err := r.Start(ctx)
		if err != nil {
			return nil, err
		}
		took = append(took, d)
		if d, err = r.postAndPush(ctx, service, fmt.Sprint("start-", i), i); err != nil {
			return nil, err
		}
		first = append(first, d)
	}
	slices.Sort(took)
	slices.Sort(first)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return []Figure{
		{Name: "start to ready, migrated database, median", Value: ms(took[len(took)/2]), Unit: "ms", Goal: "≤ 90", N: len(took)},
		{Name: "start to ready, migrated database, max", Value: ms(took[len(took)-1]), Unit: "ms", N: len(took)},
		{Name: "just started: POST to provider call, median", Value: ms(first[len(first)/2]), Unit: "ms", N: len(first)},
		{Name: "just started: POST to provider call, max", Value: ms(first[len(first)-1]), Unit: "ms", N: len(first)},
	}, nil
}

func measureLatency(ctx context.Context, r *rig) ([]Figure, error) {
	const n = 200
	service, err := r.service(ctx, time.Hour)
	if err != nil {
		return nil, err
	}
	if err := r.forget(ctx); err != nil {
		return nil, err
	}
	var took []time.Duration
	for i := range n {
		d, err := r.postAndPush(ctx, service, fmt.Sprint("latency-", i), i)
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	return spread("POST to provider call", "≤ 50", took), nil
}

// postAndPush posts an alert and waits for its push, the one after the first n: from the POST to the
// provider's being called.
func (r *rig) postAndPush(ctx context.Context, service, dedup string, n int) (time.Duration, error) {
	began := time.Now()
	key, err := r.post(ctx, service, dedup)
	if err != nil {
		return 0, err
	}
	pushes, err := r.await(ctx, 20*time.Second, func(ps []pushed) bool { return len(ps) > n })
	if err != nil {
		return 0, err
	}
	last := pushes[len(pushes)-1]
	if last.key != key {
		return 0, fmt.Errorf("pushed %s, expected %s", last.key, key)
	}
	return last.at.Sub(began), nil
}

// measureTimers opens incidents whose first level ends in 6 to 30 s, and reads from the timeline how
// long after its deadline each level was ended.
func measureTimers(ctx context.Context, r *rig) ([]Figure, error) {
	if err := r.forget(ctx); err != nil {
		return nil, err
	}
	const perWait = 8
	n := 0
	for wait := 6 * time.Second; wait <= 30*time.Second; wait += time.Second {
		service, err := r.service(ctx, wait)
		if err != nil {
			return nil, err
		}
		for i := range perWait {
			if _, err := r.post(ctx, service, fmt.Sprint("timer-", wait, "-", i)); err != nil {
				return nil, err
			}
			n++
		}
	}
	r.o.Say(fmt.Sprintf("timers: waiting half a minute for %d deadlines", n))
	pushes, err := r.await(ctx, time.Minute, func(ps []pushed) bool { return countTo(ps, "second") >= n })
	if err != nil {
		return nil, err
	}
	deadlines, decided, err := r.levels(ctx)
	if err != nil {
		return nil, err
	}
	var decision, provider []time.Duration
	for _, p := range pushes {
		if d, ok := deadlines[p.key]; ok && p.topic == "second" {
			decision = append(decision, decided[p.key].Sub(d))
			provider = append(provider, p.at.Sub(d))
		}
	}
	return append(spread("timer lateness, decided", "≤ 150", decision), spread("timer lateness, provider called", "", provider)...), nil
}

func countTo(ps []pushed, topic string) (n int) {
	for _, p := range ps {
		if p.topic == topic {
			n++
		}
	}
	return n
}

// levels reads when the first level of each incident was to end, and when it was ended.
func (r *rig) levels(ctx context.Context) (deadlines, decided map[string]time.Time, err error) {
	rows, err := r.db.Query(ctx, `select i.key, b.at + (b.basis ->> 'wait')::interval, o.at
		from incident i join timeline b on b.incident = i.id and b.reason = 'level begins' and b.level = 0
		join timeline o on o.incident = i.id and o.reason = 'level over' and o.level = 0`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	deadlines, decided = map[string]time.Time{}, map[string]time.Time{}
	for rows.Next() {
		var key string
		var deadline, over time.Time
		if err := rows.Scan(&key, &deadline, &over); err != nil {
			return nil, nil, err
		}
		deadlines[key], decided[key] = deadline, over
	}
	return deadlines, decided, rows.Err()
}

// measureKill kills the server while the second level of fifty incidents is being paged, starts it again, and compares what
// was accepted with what was pushed.
func measureKill(ctx context.Context, r *rig) ([]Figure, error) {
	const n = 50
	if err := r.forget(ctx); err != nil {
		return nil, err
	}
	service, err := r.service(ctx, 3*time.Second)
	if err != nil {
		return nil, err
	}
	accepted := r.fire(ctx, service, n, func(ps []pushed) bool { return len(ps) >= n+n/2 })
	if _, err := r.Start(ctx); err != nil {
		return nil, err
	}
	ready := time.Now()
	pushes, err := r.await(ctx, time.Minute, func(ps []pushed) bool {
		return reached(ps, "first", accepted) == len(accepted) && reached(ps, "second", accepted) == len(accepted)
	})
	lost := 2*len(accepted) - reached(pushes, "first", accepted) - reached(pushes, "second", accepted)
	if err != nil && lost == 0 {
		return nil, err
	}
	next := time.Duration(-1)
	for _, p := range pushes {
		if p.at.After(ready) {
			next = p.at.Sub(ready)
			break
		}
	}
	return []Figure{
		{Name: "killed while paging: incidents accepted", Value: float64(len(accepted)), N: n},
		{Name: "killed while paging: pages lost", Value: float64(lost), Goal: "0", N: 2 * len(accepted)},
		{Name: "killed while paging: duplicates", Value: float64(duplicates(pushes)), N: len(pushes)},
		{Name: "killed while paging: ready again to next page", Value: next.Seconds(), Unit: "s"},
	}, nil
}

// fire posts n alerts from eight senders and kills the server when is says so. It returns the keys that
// were given out: what was not answered was not accepted.
func (r *rig) fire(ctx context.Context, service string, n int, is func([]pushed) bool) map[string]bool {
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted := map[string]bool{}
	todo := make(chan int)
	for range 8 {
		wg.Go(func() {
			for i := range todo {
				if key, err := r.post(ctx, service, fmt.Sprint("kill-", i)); err == nil {
					mu.Lock()
					accepted[key] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Go(func() {
		if _, err := r.await(ctx, 20*time.Second, is); err == nil {
			r.Kill()
		}
	})
	for i := range n {
		todo <- i
	}
	close(todo)
	wg.Wait()
	return accepted
}

// reached counts the incidents of which a topic was told.
func reached(ps []pushed, topic string, keys map[string]bool) int {
	told := map[string]bool{}
	for _, p := range ps {
		if p.topic == topic && keys[p.key] {
			told[p.key] = true
		}
	}
	return len(told)
}

// duplicates counts the pushes that told a topic of an incident once more. Each topic is one level, and
// no ladder begins again within the experiment.
func duplicates(ps []pushed) (n int) {
	told := map[pushed]bool{}
	for _, p := range ps {
		p.at = time.Time{}
		if told[p] {
			n++
		}
		told[p] = true
	}
	return n
}

func measureMemory(ctx context.Context, r *rig) ([]Figure, error) {
	if err := r.forget(ctx); err != nil {
		return nil, err
	}
	r.Stop()
	if _, err := r.Start(ctx); err != nil {
		return nil, err
	}
	r.o.Say("memory: leaving the server alone for ten seconds")
	select {
	case <-time.After(10 * time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	resident, err := residentKiB(r.PID())
	if err != nil {
		return nil, err
	}
	program, err := os.Stat(r.Executable)
	if err != nil {
		return nil, err
	}
	return []Figure{
		{Name: "resident memory at rest", Value: float64(resident) / 1024, Unit: "MiB", Goal: "≤ 45"},
		{Name: "size of the program", Value: float64(program.Size()) / (1 << 20), Unit: "MiB"},
	}, nil
}

// residentKiB reads VmRSS (proc(5)); Linux only.
func residentKiB(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the server's memory, which needs Linux: %w", err)
	}
	for line := range bytes.Lines(status) {
		if after, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			return strconv.Atoi(string(bytes.Fields(after)[0]))
		}
	}
	return 0, fmt.Errorf("no VmRSS for process %d", pid)
}
