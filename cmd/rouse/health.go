package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rouse/api/spool"
	"rouse/api/wording"
	"rouse/engine/pager"
)

// alive is the answer of /healthz. Service tells `rouse doctor` that it is Rouse who answers at the
// public URL.
type alive struct {
	Service string `json:"service"` // always "rouse"
	Status  string `json:"status"`  // always "ok"
	Version string `json:"version"`
}

// ready is the answer of /readyz: 200 if alerts should be sent to this node, else 503. Checks are the whole
// audit, which also asks whether the instance is late, and the last heartbeat. What is wrong with the
// instance, or with the way to the switch, does not make this node unready (see pager.Check.Shared): it
// stands there as failing, the heartbeat is withheld, and `rouse doctor` fails.
type ready struct {
	Ready  bool      `json:"ready"`
	Checks []finding `json:"checks"`
}

// healthHandler answers what machines watch: /healthz (the process answers), /readyz (it can page) and
// /metrics. They tell nothing about people or incidents, and anybody may ask.
func healthHandler(audit func(context.Context) []pager.Check, beat *heartbeat, kept *spool.Spool, words *wording.Keeper, own []prometheus.Collector, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answerAlive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		answer, status := readiness(audit(r.Context()), beat), http.StatusOK
		answer.Checks = append(answer.Checks, spoolFinding(kept.State()))
		answer.Checks = append(answer.Checks, wordingFinding(words.Trouble()))
		if !answer.Ready {
			status = http.StatusServiceUnavailable
		}
		answerJSON(w, status, answer)
	})
	mux.Handle("GET /metrics", metricsHandler(append(own, beat.told), log))
	return mux
}

func answerAlive(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, alive{Service: "rouse", Status: "ok", Version: version()})
}

// metricsHandler answers /metrics with what this process has and, of its own, these.
func metricsHandler(own []prometheus.Collector, log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(own...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError, // one that cannot be counted does not hide the others
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: 4,
	})
}

func readiness(audit []pager.Check, beat *heartbeat) ready {
	answer := ready{Ready: true}
	for _, check := range audit {
		f := finding{Check: check.Name, Status: pass, Text: check.Text}
		if !check.OK {
			f.Status, answer.Ready = fail, answer.Ready && check.Shared()
		}
		answer.Checks = append(answer.Checks, f)
	}
	if f, ok := beat.finding(); ok {
		answer.Checks = append(answer.Checks, f)
	}
	return answer
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = encodeJSON(w, v) // whoever asked is gone
}
