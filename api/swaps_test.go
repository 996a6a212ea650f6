package api

import (
	"fmt"
	"slices"
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

// The same shift is offered to two people, who accept at the same moment: one has it, the other is told.
func TestOneShiftIsGivenAwayOnce(t *testing.T) {
	d, anns, _ := newSwapDesk(t)
	offered := map[string]string{}
	for _, partner := range []string{"bob", "carla"} {
		made := d.as("ann", "POST", "/v1/rosters/web/swaps", fmt.Sprintf(`{"partner": %q, "give": %s}`, partner, swapSpan(anns)))
		if made.status != 201 {
			t.Fatal(made.said())
		}
		offered[partner] = fmt.Sprint("/v1/rosters/web/swaps/", made.value(t)["id"], "/accept")
	}
	// Both have read their offers when the roster is let go: somebody else holds it until then.
	tx, err := d.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `select from roster where id = 'web' for update`); err != nil {
		t.Fatal(err)
	}
	answers := make(chan answered, 2)
	for partner, place := range offered {
		go func() { answers <- d.as(partner, "POST", place, "") }()
	}
	d.waiting(t, "", 2)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var status []int
	for range 2 {
		a := <-answers
		status = append(status, a.status)
		if a.status != 200 && !strings.Contains(a.body, "cannot be done any more") {
			t.Error(a.said())
		}
	}
	slices.Sort(status)
	if !slices.Equal(status, []int{200, 409}) {
		t.Errorf("the two are answered %v, want one that it is done, one that it cannot be", status)
	}
	if list := d.must(200, "GET", "/v1/rosters/web/overrides", "").value(t)["items"].([]any); len(list) != 1 {
		t.Errorf("%d overrides came of it", len(list))
	}
}

// Whoever changes an override says which version; of two, one is told what the other made of it.
func TestAnOverrideIsChangedAsItWasRead(t *testing.T) {
	d, anns, _ := newSwapDesk(t)
	body := func(who string) string {
		return strings.Replace(swapSpan(anns), "{", fmt.Sprintf(`{"person": %q, `, who), 1)
	}
	made := d.must(201, "POST", "/v1/rosters/web/overrides", body("carla"))
	place, was := made.header.Get("Location"), made.header.Get("ETag")
	if got := d.must(200, "GET", place, ""); was == "" || got.header.Get("ETag") != was {
		t.Fatalf("it was made as %q and is %q", was, got.header.Get("ETag"))
	}
	d.must(200, "PUT", place, body("bob"), "If-Match: "+was)
	late := d.as("admin", "PUT", place, body("carla"), "If-Match: "+was)
	if late.status != 412 || !strings.Contains(late.body, `"pointer":"/person","value":"\"bob\""`) {
		t.Errorf("the second change is answered %s", late.said())
	}
	if late := d.as("admin", "DELETE", place, "", "If-Match: "+was); late.status != 412 {
		t.Errorf("the deletion is answered %s", late.said())
	}
	d.must(200, "DELETE", place, "", "If-Match: "+d.must(200, "GET", place, "").header.Get("ETag"))
}

func TestNobodyIsTakenOffWhereThatLeavesAHole(t *testing.T) {
	d := newDesk(t)
	from := time.Now().UTC().Add(hours(24)).Truncate(time.Second)
	off := strings.Replace(swapSpan([2]time.Time{from, from.Add(hours(2))}), "{", `{"kind": "take_off", `, 1)
	refused := d.as("admin", "POST", "/v1/rosters/dba/overrides", off)
	if refused.status != 409 || !strings.Contains(refused.body, "/problems/opens-hole") || !strings.Contains(refused.body, "roster dba") {
		t.Errorf("got %s", refused.said())
	}
	d.must(201, "POST", "/v1/rosters/dba/overrides?force=true", off)
}

// toldTo are the notices that somebody is to be told, or was, the first one first.
func (d *desk) toldTo(who string) string {
	d.t.Helper()
	var all string
	if err := d.db.QueryRow(d.t.Context(), `select coalesce(string_agg(text, ' | ' order by id), '') from notice where person = $1`, who).Scan(&all); err != nil {
		d.t.Fatal(err)
	}
	return all
}

// What an admin does to somebody's shifts they are told, each time it changes, and not what was taken back before
// they heard of it.
func TestWhoseShiftsOthersChangeIsTold(t *testing.T) {
	d, anns, _ := newSwapDesk(t)
	body := func(who string) string {
		return strings.Replace(swapSpan(anns), "{", fmt.Sprintf(`{"person": %q, `, who), 1)
	}
	place := d.must(201, "POST", "/v1/rosters/web/overrides", body("carla")).header.Get("Location")
	if told := d.toldTo("ann"); !strings.HasPrefix(told, "You are taken off call in roster web: ") || strings.Contains(told, "|") {
		t.Errorf("Ann is told %q", told)
	}
	if told := d.toldTo("carla"); !strings.HasPrefix(told, "You are put on call in roster web: ") {
		t.Errorf("Carla is told %q", told)
	}
	if _, err := d.db.Exec(t.Context(), `update notice set told_at = now() where person = 'carla'`); err != nil {
		t.Fatal(err)
	}
	d.must(200, "PUT", place, body("bob"))
	if told := d.toldTo("carla"); !strings.Contains(told, " | You are taken off call in roster web: ") {
		t.Errorf("Carla, whom Bob replaces, is told %q", told)
	}
	d.must(200, "DELETE", place, "")
	if told := d.toldTo("ann"); strings.Contains(told, "taken off") || !strings.Contains(told, "put on") {
		t.Errorf("Ann, who had not heard yet, is told %q", told)
	}
	if got := d.as("carla", "POST", "/v1/rosters/web/overrides", body("carla")); got.status != 403 {
		t.Errorf("Carla takes a shift of a roster that is neither hers nor her team's: %s", got.said())
	}
}

// A swap is both halves: neither of the two takes back one, and whoever did not accept it is told.
func TestASwapStandsAsAWhole(t *testing.T) {
	d, anns, bobs := newSwapDesk(t)
	d.must(201, "POST", "/v1/teams", `{"slug": "web", "members": [{"person": "ann", "role": "member"}, {"person": "bob", "role": "member"}]}`)
	d.must(200, "PUT", "/v1/rosters/web", strings.Replace(fmt.Sprintf(turnsOf, `"ann", "bob"`), "{", `{"team": "web", `, 1))
	made := d.as("ann", "POST", "/v1/rosters/web/swaps", fmt.Sprintf(`{"partner": "bob", "give": %s, "take": %s}`, swapSpan(anns), swapSpan(bobs)))
	if made.status != 201 {
		t.Fatal(made.said())
	}
	d.must(200, "POST", fmt.Sprint("/v1/rosters/web/swaps/", made.value(t)["id"], "/accept"), "") // by an admin
	for _, who := range []string{"ann", "bob"} {
		if told := d.toldTo(who); !strings.HasSuffix(told, "was accepted.") || strings.Contains(told, "offers") {
			t.Errorf("%s is told %q", who, told)
		}
		for _, id := range []int{1, 2} {
			if got := d.as(who, "DELETE", fmt.Sprint("/v1/rosters/web/overrides/", id), ""); got.status != 403 {
				t.Errorf("%s takes back half of the swap: %s", who, got.said())
			}
		}
	}
}

// What an override does is shown, and refused, whenever it is.
func TestAnOverrideFarAheadIsLookedAtWhereItIs(t *testing.T) {
	d := newDesk(t)
	from := time.Now().UTC().AddDate(0, 5, 0).Truncate(time.Second)
	off := strings.Replace(swapSpan([2]time.Time{from, from.Add(hours(2))}), "{", `{"kind": "take_off", `, 1)
	if got := d.as("admin", "POST", "/v1/rosters/dba/overrides", off); got.status != 409 || !strings.Contains(got.body, "/problems/opens-hole") {
		t.Errorf("got %s", got.said())
	}
	made := d.must(201, "POST", "/v1/rosters/dba/overrides?force=true", off)
	if changes := made.value(t)["effects"].(map[string]any)["changes"].([]any); len(changes) != 1 {
		t.Errorf("it changes %v", changes)
	}
	if got := d.must(200, "DELETE", made.header.Get("Location")+"?dry_run=true", ""); len(got.value(t)["effects"].(map[string]any)["changes"].([]any)) != 1 {
		t.Errorf("its deletion changes %s", got.body)
	}
	far := strings.ReplaceAll(off, from.Format("2006"), "9998")
	if got := d.as("admin", "POST", "/v1/rosters/dba/overrides?dry_run=true", far); got.status/100 == 5 {
		t.Error(got.said())
	}
}

func TestAnOverrideThatWasEndedIsRestored(t *testing.T) {
	d := newDesk(t)
	now := time.Now().UTC()
	place := d.must(201, "POST", "/v1/rosters/dba/overrides", fmt.Sprintf(`{"person": "carla", "from": %q, "to": %q}`,
		now.Add(-time.Second).Format(time.RFC3339Nano), now.Add(hours(2)).Format(time.RFC3339))).header.Get("Location")
	d.must(200, "DELETE", place, "")
	if got := d.onCallAt("dba", now.Add(hours(1))); got == "carla" {
		t.Fatal("it was not ended")
	}
	deleted := d.must(200, "GET", "/v1/deleted", "").value(t)["items"].([]any)
	if len(deleted) != 1 {
		t.Fatalf("deleted is %v", deleted)
	}
	d.must(200, "POST", fmt.Sprint("/v1/deleted/", deleted[0].(map[string]any)["id"], "/restore"), "")
	if got := d.onCallAt("dba", now.Add(hours(1))); got != "carla" {
		t.Errorf("restored, on call is %s", got)
	}
}
