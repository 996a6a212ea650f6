package prove

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// listener hears what senders are told.
type listener struct {
	next http.RoundTripper

	mu       sync.Mutex
	statuses map[int]int // 0: no answer
}

// listen begins to. Nothing may be sent yet.
func (r *rig) listen() *listener {
	l := &listener{next: r.senders.Transport, statuses: map[int]int{}}
	r.senders.Transport = l
	return l
}

func (l *listener) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(req)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.statuses[0]++
		return res, err
	}
	l.statuses[res.StatusCode]++
	return res, nil
}

// into notes what was heard, and checks that senders were told nothing but that their alert is stored, or
// that it is to be sent again.
func (l *listener) into(r *Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(l.statuses)) {
		n := l.statuses[status]
		name := fmt.Sprint(status)
		if status == 0 {
			name = "no answer"
		}
		parts = append(parts, fmt.Sprintf("%s %s", name, times(n)))
		if status != 0 && status/100 != 2 && status != http.StatusServiceUnavailable {
			r.breach(Breach{Expected: "an alert that cannot be stored is answered 503", N: n, Found: []string{fmt.Sprintf("it was answered %d", status)}})
		}
	}
	r.note("senders were told: %s", strings.Join(parts, ", "))
}
