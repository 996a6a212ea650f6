package enginedb_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

// Whatever is told, over, told again or begins anew: how a group stands is what counting its alerts gives.
func TestHowAGroupStandsIsWhatItsAlertsSay(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	db := enginedb.New(pool)
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 300 {
		m := enginedb.Grouped{Incident: 1 + random.Int64N(2), Origin: "bitbucket", DedupKey: fmt.Sprint("db-", random.IntN(6)), Severity: engine.Major,
			Summary: fmt.Sprint("told as number ", i), Over: random.IntN(2) == 0}
		m.Anew = !m.Over && random.IntN(10) == 0
		g, summary, err := db.Join(t.Context(), m, now.Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		var all, firing int
		var first string
		err = pool.QueryRow(t.Context(), `select count(*), count(*) filter (where firing), coalesce(min(summary) filter (where dedup_key = $2), '')
			from grouped where incident = $1`, m.Incident, m.DedupKey).Scan(&all, &firing, &first)
		if err != nil {
			t.Fatal(err)
		}
		if g.All != all || g.Firing != firing || summary != first {
			t.Fatalf("after step %d, %+v: %d alerts, %d of them firing, first told as %q; counted: %d, %d, %q", i, m, g.All, g.Firing, summary, all, firing, first)
		}
		if fresh := first == m.Summary; fresh != (g.Joined != "") {
			t.Fatalf("after step %d, %+v: new to the incident: %t, and it is told as %q", i, m, fresh, g.Joined)
		}
	}
}
