package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rouse/api/intake"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/migrations/dbtest"
)

// BenchmarkNotification is one request of Alertmanager with 1,500 new alerts, until it is answered.
func BenchmarkNotification(b *testing.B) {
	const alerts = 1500
	db := dbtest.New(b)
	secret, _, err := enginedb.New(db).CreateKey(b.Context(), enginedb.Key{Name: "sender", Scopes: []enginedb.Scope{enginedb.ScopeIntake}})
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	p, err := pager.New(pager.Config{DB: db, Log: log}) // not started
	if err != nil {
		b.Fatal(err)
	}
	h := intake.New(intake.Config{Engine: p, Keys: NewKeyring(db, nil, log), Log: log})
	for round := 0; b.Loop(); round++ {
		var list []string
		for i := range alerts {
			list = append(list, fmt.Sprintf(`{"status": "firing", "labels": {"alertname": "Disk full", "instance": "db%d-%d"}, "fingerprint": "%d-%d"}`, round, i, round, i))
		}
		r := httptest.NewRequest(http.MethodPost, "/v1/alertmanager", strings.NewReader(`{"version": "4", "groupKey": "g", "status": "firing", "alerts": [`+strings.Join(list, ",")+`]}`))
		r.Header.Set("Authorization", "Bearer "+secret)
		w := httptest.NewRecorder()
		h.Alertmanager(w, r)
		if w.Code != http.StatusAccepted {
			b.Fatalf("answered %d: %s", w.Code, w.Body)
		}
	}
	b.ReportMetric(float64(alerts)*float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
}
