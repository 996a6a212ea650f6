package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"rouse/engine"
)

type object map[string]any

// ask makes a request at the public address, or at base if that is not "".
func (h *house) ask(base, method, path, key string, in any) (status int, header http.Header, body []byte, err error) {
	var sent bytes.Buffer
	h.keeps(in)
	if in != nil {
		if err := json.NewEncoder(&sent).Encode(in); err != nil {
			return 0, nil, nil, err
		}
	}
	if base == "" {
		base = h.door.URL
	}
	req, err := http.NewRequest(method, base+path, &sent)
	if err != nil {
		return 0, nil, nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := h.client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, res.Header, body, err
}

// does makes a request as an administrator that has to succeed; out may be nil.
func (h *house) does(method, path string, in, out any) {
	h.t.Helper()
	status, _, body, err := h.ask("", method, path, h.admin, in)
	if err != nil || status >= 300 {
		h.t.Fatalf("%s %s: %d %v %s", method, path, status, err, body)
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			h.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

// asked makes a request and returns the status of the answer.
func (h *house) asked(method, path, key string, in any) (status int) {
	h.t.Helper()
	status, _, _, err := h.ask("", method, path, key, in)
	if err != nil {
		h.t.Fatal(err)
	}
	return status
}

type received struct{ Key, Outcome string }

// told is what the API tells of an incident.
type told struct {
	Key, Service, Status, Manager, Summary string
	Severity, Alerts                       int
	Escalations                            []struct {
		No                  int
		Role, State, Holder string
		Level, Round        int
		OpensAt             time.Time `json:"opens_at"`
		Pages               []struct {
			Person, State string
			Level         int
			Attempts      []struct {
				No                     int
				Channel, State, Reason string
			}
		}
	}
	Timeline []line
}

type line struct {
	At                         time.Time
	Reason                     engine.Reason
	Text, Person, Channel, By  string
	Escalation, Level, Attempt int
}

func (h *house) incident(key string) told {
	h.t.Helper()
	var inc told
	h.does("GET", "/v1/incidents/"+key, nil, &inc)
	return inc
}

// becomes waits until the incident is so, where no phone tells.
func (h *house) becomes(key, what string, is func(told) bool) told {
	h.t.Helper()
	var inc told
	if !eventually(func() bool { inc = h.incident(key); return is(inc) }) {
		h.t.Fatalf("%s did not become %s: %+v", key, what, inc)
	}
	return inc
}

// eventually asks until something is so, for what cannot be waited for.
func eventually(is func() bool) bool {
	for until := time.Now().Add(2 * soon); time.Now().Before(until); <-time.After(20 * time.Millisecond) {
		if is() {
			return true
		}
	}
	return is()
}

// lines are those of the timeline with a reason.
func (inc told) lines(why engine.Reason) (found []line) {
	for _, l := range inc.Timeline {
		if l.Reason == why {
			found = append(found, l)
		}
	}
	return found
}

// says tells whether the timeline has a line with a reason, about somebody, with these words in it.
func (inc told) says(why engine.Reason, who *resident, words string) bool {
	return slices.ContainsFunc(inc.lines(why), func(l line) bool { return l.Person == who.handle && strings.Contains(l.Text, words) })
}

// attempts are the messages to somebody and how far they got: "sms failed, voice sent".
func (inc told) attempts(who *resident) string {
	var all []string
	for _, e := range inc.Escalations {
		for _, p := range e.Pages {
			for _, a := range p.Attempts {
				if p.Person == who.handle {
					all = append(all, a.Channel+" "+a.State)
				}
			}
		}
	}
	return strings.Join(all, ", ")
}

// isNobodys checks that nobody has acknowledged anything.
func (h *house) isNobodys(key string) {
	h.t.Helper()
	inc := h.incident(key)
	if inc.Status != string(engine.New) || inc.Manager != "" || len(inc.lines(engine.ReasonAcknowledged)) > 0 {
		h.t.Errorf("%s should be nobody's: %+v", key, inc)
	}
}

// isManagedBy waits for somebody to be the incident manager.
func (h *house) isManagedBy(key string, who *resident) {
	h.t.Helper()
	h.becomes(key, who.handle+"'s", func(inc told) bool { return inc.Status == string(engine.Fixing) && inc.Manager == who.handle })
}

func (h *house) acknowledge(key string, who *resident) {
	h.t.Helper()
	h.does("POST", "/v1/incidents/"+key+"/acknowledge", object{"person": who.handle}, nil)
}
