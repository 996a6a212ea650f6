package prove

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"rouse/engine/enginedb"
)

// readers ask for whatever can be read, without a pause.
type readers struct {
	mu       sync.Mutex
	took     []time.Duration
	statuses map[int]int // 0: no answer
	since    time.Time
	lasted   time.Duration
}

const (
	readersAtOnce = 16
	readerWaits   = 20 * time.Second
)

// start begins to read with a key that may do nothing else, until stop is called.
func (rs *readers) start(ctx context.Context, r *rig) (stop func(), err error) {
	key, _, err := enginedb.New(r.db).CreateKey(ctx, enginedb.Key{Name: "readers", Scopes: []enginedb.Scope{enginedb.ScopeRead}})
	if err != nil {
		return nil, err
	}
	rs.statuses, rs.since = map[int]int{}, time.Now()
	ctx, cancel := context.WithCancel(r.ctx)
	var all sync.WaitGroup
	for i := range readersAtOnce {
		chance := r.t.chance("reader", fmt.Sprint(i))
		client := &http.Client{Timeout: readerWaits, Transport: &http.Transport{}} // connections of their own, as browsers have
		all.Go(func() {
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				rs.read(ctx, client, "http://"+r.door.address+somewhere(chance, r.world), key)
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
		rs.lasted = time.Since(rs.since)
	}, nil
}

// somewhere is what one of them wants to see.
func somewhere(r *rand.Rand, w *world) string {
	switch r.IntN(5) {
	case 0:
		return "/v1/incidents?limit=100"
	case 1:
		return "/v1/incidents?status=new&limit=50&service=" + string(w.services[r.IntN(len(w.services))])
	case 2:
		return fmt.Sprintf("/v1/incidents/HOT-%d", 1+r.IntN(200))
	case 3:
		return "/v1/oncall?limit=100"
	default:
		return "/v1/oncall?service=" + string(w.services[r.IntN(len(w.services))])
	}
}

func (rs *readers) read(ctx context.Context, client *http.Client, url, key string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+key)
	began, status := time.Now(), 0
	res, err := client.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err == nil {
			status = res.StatusCode
		}
	}
	if ctx.Err() != nil {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.statuses[status]++
	rs.took = append(rs.took, time.Since(began))
}

func (rs *readers) into(r *Result) {
	took := spreadOf(rs.took)
	var said []string
	for _, status := range slices.Sorted(maps.Keys(rs.statuses)) {
		said = append(said, fmt.Sprintf("%d %s", status, times(rs.statuses[status])))
	}
	r.note("%d readers asked %.0f times a second, and waited p50 %.0f, p99 %.0f, max %.0f ms; they were answered %s", readersAtOnce,
		float64(took.N)/rs.lasted.Seconds(), 1000*took.P50, 1000*took.P99, 1000*took.Max, strings.Join(said, ", "))
}
