package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// A thousand rules by chance, of parts that are right, wrong and worse: each is taken, or refused at its place with
// what is wrong; of a roster with one that is refused nothing is saved.
func TestAThousandRulesByChance(t *testing.T) {
	d := newDesk(t)
	chance := rand.New(rand.NewPCG(4, 20261121))
	refused := 0
	for range 10 {
		var rotations []map[string]any
		for i := range 100 {
			rotations = append(rotations, map[string]any{"id": fmt.Sprint("r", i), "zone": "Europe/Berlin", "start": "2026-01-05T09:00:00",
				"rule": hostileRule(chance), "participants": []string{"ann", "bob"}})
		}
		body, err := json.Marshal(map[string]any{"slug": "hostile", "rotations": rotations})
		if err != nil {
			t.Fatal(err)
		}
		got := d.as("admin", "POST", "/v1/rosters", string(body))
		if got.status != 422 {
			t.Fatalf("a hundred rules by chance: %s", got.said())
		}
		var p struct {
			Errors []struct{ Pointer, Value, Detail string }
		}
		if err := json.Unmarshal([]byte(got.body), &p); err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Errors {
			if !strings.HasPrefix(e.Pointer, "/rotations/") || e.Detail == "" {
				t.Errorf("%+v does not say what to change", e)
			}
			refused++
		}
	}
	if refused < 500 {
		t.Errorf("%d of 1,000 were refused: these are not hostile", refused)
	}
	d.must(404, "GET", "/v1/rosters/hostile", "")
}

// hostileRule joins parts that rrule-go hangs on, panics at, or reads as something else.
func hostileRule(chance *rand.Rand) string {
	pick := func(of ...string) string { return of[chance.IntN(len(of))] }
	number := func() string {
		return pick("0", "1", "-1", "2", "13", "60", "366", "-366", "99999999999999999999", "", "x", "1,2,,3", "1e3", "٣")
	}
	parts := []string{"FREQ=" + pick("DAILY", "WEEKLY", "MONTHLY", "YEARLY", "HOURLY", "MINUTELY", "SECONDLY", "", "daily", "FORTNIGHTLY")}
	for range chance.IntN(5) {
		parts = append(parts, pick("INTERVAL", "COUNT", "BYHOUR", "BYMINUTE", "BYSECOND", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYEASTER", "RSCALE", "")+"="+number())
	}
	switch chance.IntN(6) {
	case 0:
		parts = append(parts, "BYDAY="+pick("MO", "XX", "53MO", "-1FR", "0SU", "MO,MO", "+1", ""))
	case 1:
		parts = append(parts, "UNTIL="+pick("20261231", "20261231T090000Z", "00000000", "99999999T999999Z", "yesterday", ""))
	case 2:
		parts = append(parts, "WKST="+pick("MO", "SU", "8", ""))
	case 3:
		parts = append(parts, pick("\t", "DTSTART=20260101", ";;", "RRULE:FREQ=DAILY", strings.Repeat("BYHOUR=1;", 20)))
	}
	chance.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return strings.Join(parts, ";")
}
