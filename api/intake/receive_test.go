package intake

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rouse/engine"
)

// listOf is a request with so many alerts, each of troubles told in turn.
func listOf(n, troubles int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"summary": "%d", "dedup_key": "db-%d"}`, i, i%troubles))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// Many alerts of one request share transactions: they come at the same time. Those of one trouble come in order.
func TestManyAlertsOfARequestAreTakenInTogether(t *testing.T) {
	d := newDesk(nil)
	const n = 400
	var under, most atomic.Int64
	meet := make(chan struct{})
	d.fail = func(context.Context, engine.Alert) error {
		now := under.Add(1)
		defer under.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		if now == maxAbreast {
			select {
			case <-meet:
			default:
				close(meet)
			}
		}
		<-meet // until as many as may are under way
		return nil
	}
	w := d.post("/v1/alerts", "", strings.NewReader(listOf(n, 100)))
	got := decodeInto[struct{ Alerts []received }](t, w)
	if w.Code != http.StatusAccepted || len(got.Alerts) != n || most.Load() != maxAbreast {
		t.Errorf("answered %d about %d alerts, %d at the same time at most", w.Code, len(got.Alerts), most.Load())
	}
	for i, one := range got.Alerts {
		if want := fmt.Sprint("db-", i%100); one.DedupKey != want {
			t.Fatalf("answer %d is about %s, want %s", i, one.DedupKey, want)
		}
	}
	told := map[string][]int{}
	for _, a := range d.got {
		var no int
		fmt.Sscan(a.Summary, &no)
		told[a.DedupKey] = append(told[a.DedupKey], no)
	}
	for key, nos := range told {
		if len(nos) != n/100 || !slices.IsSorted(nos) {
			t.Errorf("%s was told in the order %v", key, nos)
		}
	}
}

// One that cannot be stored keeps none of the others out; the sender is to come again, and the log has one line.
func TestAlertsThatCannotBeStoredAreOneLineOfTheLog(t *testing.T) {
	d := newDesk(func(_ context.Context, a engine.Alert) error {
		if a.DedupKey == "db-7" {
			return errors.New("no")
		}
		return nil
	})
	d.h.patience = 10 * time.Second
	wantRefusal(t, d.post("/v1/alerts", "", strings.NewReader(listOf(200, 20))), 503, "not-stored", "")
	if len(d.got) != 190 {
		t.Errorf("%d alerts were stored, want 190", len(d.got))
	}
	if n := strings.Count(d.log.String(), "level=WARN"); n != 1 || !strings.Contains(d.log.String(), "not_stored=10") {
		t.Errorf("%d warnings: %s", n, d.log)
	}
}

// An alert that waits in vain is not a database that hangs, as long as others are stored.
func TestOneStuckAlertOfManyKeepsNoneOut(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	var n atomic.Int64
	d := newDesk(func(ctx context.Context, a engine.Alert) error {
		if a.DedupKey == "db-0" {
			close(begun)
			<-ctx.Done()
			close(ended)
			return ctx.Err()
		}
		<-begun
		if n.Add(1) > 200 { // the last ones come when it was given up
			<-ended
		}
		return nil
	})
	d.h.patience = time.Second
	wantRefusal(t, d.post("/v1/alerts", "", strings.NewReader(listOf(300, 300))), 503, "not-stored", "")
	if len(d.got) != 299 {
		t.Errorf("%d alerts were stored, want 299", len(d.got))
	}
}

type slowBody struct{ waited time.Duration }

func (slowBody) Read([]byte) (int, error) { return 0, errors.New("read") }
func (slowBody) Close() error             { return nil }
func (b slowBody) Waited() time.Duration  { return b.waited }

// The deadline of a request is that of its door, and the time that its sender took to send it is its own.
func TestADeadlineIsSetAtTheDoor(t *testing.T) {
	d := newDesk(nil)
	door := time.Now().Add(3 * time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), door)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/alerts", nil)
	if got := d.h.until(r); !got.Equal(door) {
		t.Errorf("until %v, want %v", got, door)
	}
	r.Body = slowBody{time.Minute}
	if got := d.h.until(r); !got.Equal(door.Add(time.Minute)) {
		t.Errorf("with a slow body until %v, want %v", got, door.Add(time.Minute))
	}
	var seen time.Time
	d.fail = func(ctx context.Context, _ engine.Alert) error { seen, _ = ctx.Deadline(); return nil }
	r = httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/alerts", strings.NewReader(`"x"`))
	r.Header.Set("Authorization", "Bearer key-of-")
	d.h.Alerts(httptest.NewRecorder(), r)
	if !seen.Equal(door) {
		t.Errorf("the engine was given until %v, want %v", seen, door)
	}
}
