package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rouse/notifiers/ntfy/ntfysim"
	"rouse/notifiers/twilio/twiliosim"
)

// contact is one line of a paging plan.
type contact struct {
	channel string
	after   time.Duration
}

func byPush(after time.Duration) contact { return contact{"push", after} }
func bySMS(after time.Duration) contact  { return contact{"sms", after} }
func byCall(after time.Duration) contact { return contact{"voice", after} }

// resident is somebody with a phone: for texts and calls, and with ntfy's app on its screen.
type resident struct {
	*twiliosim.Phone
	t            *testing.T
	handle, name string
	screen       *ntfysim.Phone
	read         map[string]int // texts about one incident that isTexted has found, by key
}

// resident makes a person. The numbers are kept free for fiction (Bundesnetzagentur, 0176 04069).
func (h *house) resident(handle string, plan ...contact) *resident {
	h.t.Helper()
	number := fmt.Sprintf("+4917604069%03d", len(h.residents))
	r := &resident{Phone: h.twilio.Phone(number), t: h.t, handle: handle, name: "The one called " + handle,
		screen: h.ntfy.Phone("topic-of-" + handle), read: map[string]int{}}
	h.residents[handle] = r
	contacts := []object{}
	for _, c := range plan {
		address := number
		if c.channel == "push" {
			address = r.screen.Topic()
		}
		contacts = append(contacts, object{"channel": c.channel, "address": address, "after": c.after.String()})
	}
	h.does("POST", "/v1/people", object{"handle": handle, "name": r.name, "contacts": contacts}, nil)
	return r
}

var replyCode = regexp.MustCompile(`Reply (\d{6})`)

// isTexted waits for the page of an incident by SMS, alone or with others, and returns the code to reply with.
func (r *resident) isTexted(key string) (code string) {
	r.t.Helper()
	text := ""
	if !eventually(func() bool { text = r.unread(key); return text != "" }) {
		r.ExpectSMS(r.t, 0, key+" SEV") // says what came instead
	}
	if found := replyCode.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	r.t.Fatalf("the text has no code to reply with: %s", text)
	return ""
}

// unread is a text that names an incident; one about that alone is found once.
func (r *resident) unread(key string) (text string) {
	alone := 0
	for _, sms := range r.Inbox() {
		several := named(sms.Body)
		switch {
		case slices.Contains(several, key):
			return sms.Body
		case several == nil && strings.HasPrefix(sms.Body, key+" SEV"):
			if alone++; alone > r.read[key] {
				r.read[key]++
				return sms.Body
			}
		}
	}
	return ""
}

// texted lists the incidents that were told by text, each once.
func (r *resident) texted() []string {
	var keys []string
	for _, sms := range r.Inbox() {
		if several := named(sms.Body); several != nil {
			keys = append(keys, several...)
		} else if key, _, page := strings.Cut(sms.Body, " SEV"); page {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// named lists the incidents that a text about several names, nil if it is about one: "All: HOT-1-HOT-3, HOT-7."
func named(text string) (keys []string) {
	_, list, found := strings.Cut(text, " All: ")
	if !found {
		return nil
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(list, "."), ", ") {
		word := strings.Split(part, "-")
		first, _ := strconv.Atoi(word[1])
		last := first
		if len(word) == 4 {
			last, _ = strconv.Atoi(word[3])
		}
		for n := first; n <= last; n++ {
			keys = append(keys, fmt.Sprintf("%s-%d", word[0], n))
		}
	}
	return keys
}

// isTold waits for a text with these words: the answer to one's own.
func (r *resident) isTold(words ...string) {
	r.t.Helper()
	r.ExpectSMS(r.t, soon, words...)
}

// hearsOf waits for a text that holds one of these, and says which; "" if none comes.
func (r *resident) hearsOf(words ...string) (heard string) {
	eventually(func() bool {
		for _, text := range r.Inbox() {
			for _, w := range words {
				if strings.Contains(text.Body, w) {
					heard = w
				}
			}
		}
		return heard != ""
	})
	return heard
}

// hears waits for these words in a call.
func (r *resident) hears(words ...string) {
	r.t.Helper()
	r.ExpectSaid(r.t, soon, words...)
}

// isPushed waits for the page of an incident by push.
func (r *resident) isPushed(key string) ntfysim.Push {
	r.t.Helper()
	return r.screen.ExpectPush(r.t, 2*soon, key+" SEV")
}

// target is whom a level names.
type target interface{ target() object }

// team is a roster.
type team string

func (x team) target() object      { return object{"roster": string(x)} }
func (r *resident) target() object { return object{"person": r.handle} }

// roster puts people on call, all of them at once and always.
func (h *house) roster(slug string, people ...*resident) team {
	h.t.Helper()
	rotations := []object{}
	for _, r := range people {
		rotations = append(rotations, object{"id": r.handle, "zone": "Europe/Berlin", "start": "2026-01-05T09:00:00", "rule": "FREQ=WEEKLY",
			"participants": []string{r.handle}})
	}
	h.does("POST", "/v1/rosters", object{"slug": slug, "rotations": rotations}, nil)
	return team(slug)
}

// level is one rung of a ladder.
func level(wait time.Duration, whom ...target) object {
	targets := []object{}
	for _, w := range whom {
		targets = append(targets, w.target())
	}
	return object{"wait": wait.String(), "targets": targets}
}

// service makes a service and its policy; hours is nil for office hours.
func (h *house) service(slug string, hours object, levels ...object) {
	h.t.Helper()
	h.does("POST", "/v1/policies", object{"slug": slug, "levels": levels}, nil)
	service := object{"slug": slug, "policy": slug}
	if hours != nil {
		service["hours"] = hours
	}
	h.does("POST", "/v1/services", service, nil)
}

// key makes an API key.
func (h *house) key(path string, wanted object) (id int, key string) {
	h.t.Helper()
	var made struct {
		ID  int    `json:"id"`
		Key string `json:"key"`
	}
	h.does("POST", path, wanted, &made)
	h.secret(made.Key, "an API key")
	return made.ID, made.Key
}

// alert reports trouble, and returns the key of the incident that it opened.
func (h *house) alert(service string, severity int, summary string) string {
	h.t.Helper()
	h.secret(summary, "a summary")
	var got received
	h.does("POST", "/v1/alerts", object{"service": service, "severity": severity, "summary": summary, "dedup_key": service + summary}, &got)
	if got.Key == "" || got.Outcome != "opened" {
		h.t.Fatalf("the alert was answered %+v", got)
	}
	return got.Key
}

// slugOf makes a slug of words.
func slugOf(words string) string { return strings.ReplaceAll(words, " ", "-") }
