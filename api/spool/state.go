package spool

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what a Spool counts; what it can be asked for is in newMetrics alone.
type metrics struct {
	spooled, replayed, refused prometheus.Counter
	gauges                     []prometheus.Collector
}

func (s *Spool) newMetrics() metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string, read func(State) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return read(s.State()) })
	}
	return metrics{
		spooled:  counter("rouse_spooled_total", "Alerts that were kept on this node's disk, as the database did not take them in."),
		replayed: counter("rouse_spool_replayed_total", "Alerts from this node's disk that were stored."),
		refused:  counter("rouse_spool_refused_total", "Alerts from this node's disk that could not be stored and were set aside, and damaged places that may have been alerts."),
		gauges: []prometheus.Collector{
			gauge("rouse_spool_alerts", "Alerts that wait on this node's disk for the database.", func(st State) float64 { return float64(st.Alerts) }),
			gauge("rouse_spool_bytes", "Bytes of this node's disk that they take.", func(st State) float64 { return float64(st.Bytes) }),
			gauge("rouse_spool_oldest_seconds", "How long the oldest of them has waited; 0: none does.", func(st State) float64 {
				if st.Since.IsZero() {
					return 0
				}
				return max(0, time.Since(st.Since).Seconds())
			}),
			gauge("rouse_spool_free_bytes", "Bytes that more alerts may take; 0: none can be kept, and they are refused while the database is away.",
				func(st State) float64 { return float64(st.Free) }),
		},
	}
}

// Collectors are the spool's metrics, for the registry that serves them.
func (s *Spool) Collectors() []prometheus.Collector {
	return append([]prometheus.Collector{s.metrics.spooled, s.metrics.replayed, s.metrics.refused}, s.metrics.gauges...)
}

// State is how things stand.
type State struct {
	Dir     string
	Off     bool      // nothing is kept: there is no folder, or no room is given
	Trouble string    // why the folder cannot be used, or was not written to last; "": nothing is wrong
	Alerts  int       // that wait for the database
	Since   time.Time // when the oldest of them was received, by the node's clock; zero: none waits
	Bytes   int64     // on disk
	Limit   int64
	Free    int64 // bytes that may still be written: what is left of the limit, or of the disk
	Refused int   // alerts that were set aside and lie in the folder still
	Damaged int   // files that were
}

// State tells how things stand.
func (s *Spool) State() State {
	s.mu.Lock()
	st := State{Dir: s.cfg.Dir, Off: s.off, Trouble: s.trouble, Alerts: s.waiting, Bytes: s.bytes(), Limit: s.cfg.Limit, Refused: s.refused, Damaged: s.damaged}
	if st.Alerts > 0 {
		st.Since = s.oldest
	}
	s.mu.Unlock()
	if st.Off {
		return st
	}
	if st.Trouble == "" {
		st.Free = max(0, min(st.Limit-st.Bytes, freeOn(st.Dir)))
	}
	if st.Refused > 0 && !holds(st.Dir, asideName) && !holds(st.Dir, asideOldName) { // somebody looked at them
		st.Refused = 0
	}
	if st.Damaged > 0 && !holds(st.Dir, "*"+damagedEnd) {
		st.Damaged = 0
	}
	return st
}

// enough is room for any alert that is not out of the ordinary, in bytes.
const enough = 1 << 20

// Well reports whether the next alert that comes while the database is away can be kept, and none lies there
// that somebody has to look at.
func (st State) Well() bool {
	return st.Trouble == "" && st.Free >= enough && st.Refused == 0 && st.Damaged == 0
}

// String says it in one line for people, without the folder: anybody may read it.
func (st State) String() string {
	const refuses = "alerts that come while the database is away are refused, and their senders told to come again"
	switch {
	case st.Off:
		return "off: " + refuses + ". ROUSE_SPOOL_DIR and ROUSE_SPOOL_LIMIT give it room"
	case st.Trouble != "":
		return "cannot be written to: " + refuses + ". See the log of `rouse serve`, and ROUSE_SPOOL_DIR"
	}
	text := "empty"
	if st.Alerts > 0 {
		text = fmt.Sprintf("%s since %s wait for the database", count(st.Alerts, "alert"), st.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	text += ", " + megabytes(st.Free) + " free"
	if st.Free < enough {
		text += ": FULL, " + refuses + ". Give it more by ROUSE_SPOOL_LIMIT, or the disk more room"
	}
	if st.Refused > 0 {
		text += fmt.Sprintf("; %s could not be stored: look at %s, then remove it", count(st.Refused, "alert"), asideName)
	}
	if st.Damaged > 0 {
		text += fmt.Sprintf("; %s damaged: look at *%s, then remove them", count(st.Damaged, "file"), damagedEnd)
	}
	return text
}

func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func megabytes(n int64) string {
	if n < 1<<20 && n > 0 {
		return fmt.Sprintf("%d kB", n>>10)
	}
	return fmt.Sprintf("%d MB", n>>20)
}
