package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/rosters"
)

// newSwapDesk has ann and bob who take daily turns in the roster web, and the next shift of each.
func newSwapDesk(t *testing.T) (d *desk, anns, bobs [2]time.Time) {
	t.Helper()
	d = newDesk(t)
	for _, who := range []string{"bob", "carla"} {
		d.keys[who] = d.newKey(enginedb.Key{Name: who, Scopes: []enginedb.Scope{enginedb.ScopeRespond}, Person: rosters.PersonID(who)})
	}
	d.must(201, "POST", "/v1/rosters", fmt.Sprintf(turnsOf, `"ann", "bob"`))
	now := time.Now().UTC()
	for _, s := range d.must(200, "GET", "/v1/rosters/web/shifts?from="+now.Add(hours(25)).Format(time.RFC3339), "").value(t)["items"].([]any)[1:3] {
		shift := s.(map[string]any)
		from, _ := time.Parse(time.RFC3339, shift["from"].(string))
		to, _ := time.Parse(time.RFC3339, shift["to"].(string))
		if shift["person"] == "ann" {
			anns = [2]time.Time{from, to}
		} else {
			bobs = [2]time.Time{from, to}
		}
	}
	return d, anns, bobs
}

func swapSpan(s [2]time.Time) string {
	return fmt.Sprintf(`{"from": %q, "to": %q}`, s[0].Format(time.RFC3339), s[1].Format(time.RFC3339))
}

func (d *desk) onCallAt(roster string, at time.Time) string {
	d.t.Helper()
	var people []string
	for _, on := range d.must(200, "GET", "/v1/rosters/"+roster+"/oncall?at="+at.Format(time.RFC3339), "").value(d.t)["on_call"].([]any) {
		people = append(people, on.(map[string]any)["person"].(string))
	}
	return strings.Join(people, " ")
}

func TestTwoPeopleSwapShifts(t *testing.T) {
	d, anns, bobs := newSwapDesk(t)
	offer := fmt.Sprintf(`{"partner": "bob", "give": %s, "take": %s}`, swapSpan(anns), swapSpan(bobs))
	made := d.as("ann", "POST", "/v1/rosters/web/swaps", offer)
	if made.status != 201 || made.value(t)["state"] != "proposed" {
		t.Fatal(made.said())
	}
	place := fmt.Sprint("/v1/rosters/web/swaps/", made.value(t)["id"])
	var told string
	if err := d.db.QueryRow(t.Context(), `select text from notice where person = 'bob' and told_at is null`).Scan(&told); err != nil ||
		!strings.HasPrefix(told, "Name of ann offers you the shift ") || !strings.HasSuffix(told, "rouse roster swap web --accept 1, or --decline 1.") {
		t.Errorf("bob is to be told %q, %v", told, err)
	}
	if got := d.onCallAt("web", anns[0]); got != "ann" {
		t.Errorf("an offer alone puts %s on call", got)
	}
	if got := d.as("carla", "POST", place+"/accept", ""); got.status != 403 {
		t.Errorf("carla accepts what is offered to bob: %s", got.said())
	}
	if got := d.as("ann", "POST", place+"/accept", ""); got.status != 403 {
		t.Errorf("ann accepts what she offered: %s", got.said())
	}
	rehearsed := d.as("bob", "POST", place+"/accept?dry_run=true", "")
	if changes := rehearsed.value(t)["effects"].(map[string]any)["changes"].([]any); len(changes) != 2 {
		t.Errorf("the rehearsal tells of %v, want two changes", changes)
	}
	// Accepted twice at the same moment it is done once.
	var answers [4]answered
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = d.as("bob", "POST", place+"/accept", "") })
	}
	all.Wait()
	done := 0
	for _, a := range answers {
		switch {
		case a.status == 200:
			done++
		case a.status != 409 || !strings.Contains(a.body, "was accepted at"):
			t.Error(a.said())
		}
	}
	if list := d.must(200, "GET", "/v1/rosters/web/overrides", "").value(t)["items"].([]any); done != 1 || len(list) != 2 {
		t.Errorf("accepted %d times, %d overrides came of it", done, len(list))
	}
	if got := d.onCallAt("web", anns[0]) + ", " + d.onCallAt("web", bobs[0]); got != "bob, ann" {
		t.Errorf("on call in ann's shift and in bob's: %s", got)
	}
	if list := d.must(200, "GET", "/v1/rosters/web/swaps", "").value(t)["items"].([]any); len(list) != 1 || list[0].(map[string]any)["state"] != "accepted" {
		t.Errorf("got %v", list)
	}
}

func TestWhatCannotBeSwapped(t *testing.T) {
	d, anns, bobs := newSwapDesk(t)
	past := [2]time.Time{anns[0].AddDate(0, 0, -60), anns[1].AddDate(0, 0, -60)}
	for what, offer := range map[string]string{
		"a shift of somebody else":   fmt.Sprintf(`{"partner": "bob", "give": %s}`, swapSpan(bobs)),
		"more than a shift":          fmt.Sprintf(`{"partner": "bob", "give": %s}`, swapSpan([2]time.Time{anns[0], anns[1].Add(time.Second)})),
		"one that is over":           fmt.Sprintf(`{"partner": "bob", "give": %s}`, swapSpan(past)),
		"backwards":                  fmt.Sprintf(`{"partner": "bob", "give": %s}`, swapSpan([2]time.Time{anns[1], anns[0]})),
		"with oneself":               fmt.Sprintf(`{"partner": "ann", "give": %s}`, swapSpan(anns)),
		"with nobody":                fmt.Sprintf(`{"partner": "zoe", "give": %s}`, swapSpan(anns)),
		"for one that is not theirs": fmt.Sprintf(`{"partner": "carla", "give": %s, "take": %s}`, swapSpan(anns), swapSpan(bobs)),
		"in a rotation that is not":  fmt.Sprintf(`{"partner": "bob", "rotation": "nights", "give": %s}`, swapSpan(anns)),
	} {
		if got := d.as("ann", "POST", "/v1/rosters/web/swaps", offer); got.status != 422 {
			t.Errorf("%s: %s", what, got.said())
		}
	}
	if got := d.as("bob", "POST", "/v1/rosters/web/swaps", fmt.Sprintf(`{"proposer": "ann", "partner": "carla", "give": %s}`, swapSpan(anns))); got.status != 403 {
		t.Errorf("bob offers ann's shift: %s", got.said())
	}

	// An offer that is good no more by the time it is accepted.
	made := d.as("ann", "POST", "/v1/rosters/web/swaps", fmt.Sprintf(`{"partner": "bob", "give": %s}`, swapSpan(anns)))
	place := fmt.Sprint("/v1/rosters/web/swaps/", made.value(t)["id"])
	d.must(201, "POST", "/v1/rosters/web/overrides", strings.Replace(swapSpan(anns), "{", `{"person": "carla", `, 1))
	if got := d.as("bob", "POST", place+"/accept", ""); got.status != 409 || !strings.Contains(got.body, "cannot be done any more") {
		t.Errorf("carla has ann's shift by now, and bob accepts it: %s", got.said())
	}
	if got := d.as("bob", "POST", place+"/withdraw", ""); got.status != 403 {
		t.Errorf("bob withdraws ann's offer: %s", got.said())
	}
	if got := d.as("ann", "POST", place+"/withdraw", ""); got.status != 200 {
		t.Error(got.said())
	}
	if got := d.as("bob", "POST", place+"/decline", ""); got.status != 409 || !strings.Contains(got.body, "was withdrawn at") {
		t.Errorf("declined after it was withdrawn: %s", got.said())
	}
	d.must(404, "POST", "/v1/rosters/web/swaps/4711/accept", "")
}
