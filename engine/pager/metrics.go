package pager

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine"
	"rouse/engine/enginedb"
)

// metrics are what a Pager measures of itself.
type metrics struct {
	alerts     *prometheus.CounterVec
	attempts   *prometheus.CounterVec
	toProvider prometheus.Histogram
	lateness   prometheus.Histogram
	overdue    prometheus.Gauge
	takenOver  prometheus.Counter
	bundled    prometheus.Counter
	nobody     prometheus.Counter
	pruned     *prometheus.CounterVec
	uncovered  prometheus.Gauge
	signs      *prometheus.CounterVec
	spent      *prometheus.GaugeVec
	budget     *prometheus.GaugeVec
}

func newMetrics() metrics {
	return metrics{
		alerts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rouse_alerts_total",
			Help: "Alerts received, by source and what became of them."}, []string{"source", "outcome"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rouse_attempts_total",
			Help: "Attempts by channel and outcome: made, sent, delivered, failed, silent."}, []string{"channel", "outcome"}),
		toProvider: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "rouse_accept_to_provider_seconds",
			Help:    "Seconds from the opening of an incident to the first call of a provider.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "rouse_timer_lateness_seconds",
			Help:    "Seconds from a deadline to the decision it asked for.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 30}}),
		overdue: prometheus.NewGauge(prometheus.GaugeOpts{Name: "rouse_oldest_overdue_deadline_seconds",
			Help: "How long the oldest deadline had passed when this node last looked; 0: none."}),
		takenOver: prometheus.NewCounter(prometheus.CounterOpts{Name: "rouse_sends_taken_over_total",
			Help: "Messages that the sweeper took over from a dead worker."}),
		bundled: prometheus.NewCounter(prometheus.CounterOpts{Name: "rouse_pages_bundled_total",
			Help: "Pages that were told in the message of another one, in a storm or after a stop."}),
		nobody: prometheus.NewCounter(prometheus.CounterOpts{Name: "rouse_nobody_to_page_total",
			Help: "Rounds of a ladder in which nobody could be paged."}),
		uncovered: prometheus.NewGauge(prometheus.GaugeOpts{Name: "rouse_uncovered_seconds",
			Help: "Seconds of the next seven days in which a level, or the catch-all, has nobody to page, as this node last looked; summed over all holes."}),
		signs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rouse_heartbeat_signs_total",
			Help: "Signs of life of heartbeats that this node took in, by what they say: alive, started, succeeded, failed."}, []string{"sign"}),
		spent: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "rouse_budget_sent",
			Help: "Messages sent in the running hour or day (UTC) that a budget is for, by all nodes, as this node last looked."}, []string{"channel", "per"}),
		budget: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "rouse_budget_limit",
			Help: "Messages that a budget has for an hour or a day. More are told of, and sent."}, []string{"channel", "per"}),
		pruned: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rouse_pruned_total",
			Help: "What this node removed because it was old: seen (callbacks), originals (of alerts), strays (alerts without an incident), incidents."}, []string{"what"}),
	}
}

// decided counts what a note tells. known is whether its attempt was there before: the reason of a new
// one is what became of the contact before it.
func (m metrics) decided(n engine.Note, known bool) {
	switch n.Reason {
	case engine.ReasonSent, engine.ReasonDelivered, engine.ReasonFailed:
		m.attempts.WithLabelValues(string(n.Channel), string(n.Reason)).Inc()
	case engine.ReasonContactSilent:
		if known {
			m.attempts.WithLabelValues(string(n.Channel), "silent").Inc()
		}
	case engine.ReasonNobody:
		m.nobody.Inc()
	}
}

// Collectors are the node's metrics, for the registry that serves them.
func (p *Pager) Collectors() []prometheus.Collector {
	m := p.metrics
	return []prometheus.Collector{m.alerts, m.attempts, m.toProvider, m.lateness, m.overdue, m.takenOver, m.bundled, m.nobody, m.pruned, m.uncovered, m.signs, m.spent, m.budget, statusCollector{p}, heartbeatCollector{p}}
}

var incidentsDesc = prometheus.NewDesc("rouse_incidents", "Incidents that are not resolved, by status.", []string{"status"}, nil)

// statusCollector counts incidents when it is asked.
type statusCollector struct{ p *Pager }

func (statusCollector) Describe(ch chan<- *prometheus.Desc) { ch <- incidentsDesc }

func (c statusCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	counts, err := enginedb.New(c.p.cfg.DB).CountByStatus(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(incidentsDesc, err)
		return
	}
	for st, n := range counts {
		ch <- prometheus.MustNewConstMetric(incidentsDesc, prometheus.GaugeValue, float64(n), string(st))
	}
}
