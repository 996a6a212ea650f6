package main

import (
	"fmt"
	"testing"
	"time"
)

// A number takes five texts and then one an hour: what comes on top waits, while the next contact goes its way. In a storm
// who was told of everything is told again only so often.
func TestE2ENumbersAndPeopleAreSpared(t *testing.T) {
	story(t)
	t.Run("a number that is busy", func(t *testing.T) {
		h := newHouse(t, wish{environ: []string{"ROUSE_TWILIO_SMS_LIMIT=1/h burst 5"}})
		var people []*resident
		for i := range 6 {
			people = append(people, h.resident(fmt.Sprint("ann-", i), bySMS(0), byPush(3*time.Second)))
			h.service(fmt.Sprint("service-", i), nil, level(later, people[i]))
		}
		for i := range 5 {
			people[i].isTexted(h.alert(fmt.Sprint("service-", i), 1, "Pushes fail"))
		}
		people[5].isPushed(h.alert("service-5", 1, "Pulls fail"))
		if texts := people[5].texted(); len(texts) > 0 {
			t.Errorf("a sixth text went out: %q", texts)
		}
	})
	t.Run("a person in a storm", func(t *testing.T) {
		h := newHouse(t, wish{environ: []string{"ROUSE_STORM_TEXTS=1", "ROUSE_STORM_WITHIN=1h"}})
		ann, bob := h.resident("ann", byPush(0), bySMS(2*time.Second)), h.resident("bob", byPush(0))
		h.service("bitbucket", nil, level(6*time.Second, ann), level(later, bob))
		var keys []string
		for i := range 3 {
			keys = append(keys, h.alert("bitbucket", 1, fmt.Sprint("Pushes fail on shard ", i)))
			ann.isPushed(keys[i])
		}
		for _, key := range keys {
			bob.isPushed(key)
		}
		if n := len(ann.Inbox()); n != 1 {
			t.Errorf("Ann, who was pushed everything, got %d texts, want one", n)
		}
	})
}
