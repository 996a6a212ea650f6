package prove

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rouse/notifiers/fake"
	"rouse/rosters"
)

// sent is one call of a provider to send something: what the ledger knows of messages. It is written
// down where the provider takes it, so that it is true whatever becomes of the node that sent it.
type sent struct {
	node     string
	channel  rosters.Channel
	address  string
	nonce    string   // texts and calls: from the callback's URL
	incident int64    // pushes: from the button
	attempt  int      // pushes
	key      string   // of the incident, as the message says; calls say it later
	names    []string // every incident that it names
	began    time.Time
	ended    time.Time // zero: still under way
	accepted bool      // the provider took it, whether or not the node heard so
	unheard  bool      // a fault kept the answer from the node
	slow     bool      // the provider began with it late
	lied     bool      // the provider said that it took it, and did nothing
	spare    bool      // it went to the provider that is asked second
	id       string    // the provider's

	text, ack, decline string // what the phone shows, and where its buttons lead
}

func (s sent) to() place { return place{s.channel, s.address} }

// about is what people go by when they decide what to do about a message: the sender's name for the trouble,
// which senders here put into the summary. Of a call they know only that it is this call.
func (s sent) about() string {
	if m := troubleName.FindStringSubmatch(s.text); m != nil {
		return m[1]
	}
	return s.nonce
}

var troubleName = regexp.MustCompile(`#([a-z0-9-]+)`)

// provider is what one node takes for a provider: a proxy, behind it faults, behind them the ledger's
// pen, behind that the simulator that all nodes share.
type provider struct {
	*proxy
	faults *fake.Server
}

// fault makes the provider misbehave towards this node; fake.Fault{} heals it. fake.Refuse is for the
// proxy to play: cut.
func (p *provider) fault(f fake.Fault) error { return p.faults.Set(f) }

func (p *provider) url() string { return "http://" + p.address }

func (p *provider) close() {
	p.proxy.close()
	p.faults.Close()
}

// outlet is where nodes reach a provider.
type outlet struct {
	node    string // whose way it is; "": all nodes'
	spare   bool   // it is asked second
	mishaps *mishaps
	sim     http.Handler
	read    func(*http.Request, []byte) (sent, bool)
}

// taking takes one request to a provider; a slow one begins with it after a while.
type taking func(w http.ResponseWriter, req *http.Request, after time.Duration)

// newProvider puts everything before a simulator that stands between it and a node.
func newProvider(r *rig, o outlet) (*provider, error) {
	take := func(w http.ResponseWriter, req *http.Request, after time.Duration) { r.provide(w, req, o, after) }
	faults, err := fake.Start(fake.Config{Handler: r.mishandle(o, take), Sends: sends, Refuse: refuse})
	if err != nil {
		return nil, err
	}
	front, err := newProxy(to("tcp", strings.TrimPrefix(faults.URL(), "http://")))
	if err != nil {
		faults.Close()
		return nil, err
	}
	return &provider{front, faults}, nil
}

func sends(r *http.Request) bool {
	return r.Method == http.MethodPost && (r.URL.Path == "/" || strings.HasSuffix(r.URL.Path, "/Messages.json") || strings.HasSuffix(r.URL.Path, "/Calls.json"))
}

// refuse says no in a way that suits both providers.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"code": %d, "http": %d, "status": %d, "error": "out of order", "message": "out of order"}`, 100*status+1, status, status)
}

// provide takes one request to a provider. On its way, and on the way back, it takes as long as the rig says.
// If the node that asked is gone before it has arrived, it depends: some providers carry it out all the
// same, and some, or what stands before them, give it up. A slow one gives up calls: of one that is placed when
// nobody waits for it any more no node could know, and none could hang up.
func (r *rig) provide(w http.ResponseWriter, req *http.Request, o outlet, after time.Duration) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		return // it did not come in whole
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	s, ok := o.read(req, body)
	if !ok {
		o.sim.ServeHTTP(w, req)
		return
	}
	s.node, s.spare, s.began = o.node, o.spare, time.Now()
	_, live := w.(http.Flusher) // a fault that keeps the answer back takes it into a buffer
	s.slow, s.unheard = after > 0, !live || after > 0
	no := r.ledger.begin(s)
	there, back, givenUp := r.transit(s)
	fake.Sleep(r.ctx, there+after)
	givenUp = givenUp || after > 0 && s.channel == rosters.Voice
	if givenUp && req.Context().Err() != nil {
		r.ledger.end(no, false, "given up")
		return
	}
	answer := &answer{header: http.Header{}}
	r.phones.reaches(s, func() { o.sim.ServeHTTP(answer, req) })
	s = r.ledger.end(no, answer.accepted(), answer.id())
	if s.accepted {
		r.phones.got(s)
	}
	fake.Sleep(r.ctx, back)
	answer.copyTo(w)
}

// answer keeps what a simulator says, until it has been on its way long enough.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *answer) accepted() bool { return a.status >= 200 && a.status < 300 }

// id is the provider's name for the message: ntfy's id, Twilio's SID.
func (a *answer) id() string {
	var made struct{ ID, SID string }
	_ = json.Unmarshal(a.body.Bytes(), &made) // a refusal has none
	return made.ID + made.SID
}

func (a *answer) copyTo(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the node may be gone
}

var (
	keyInText  = regexp.MustCompile(`^([A-Z]+-\d+)\b`)
	keysInText = regexp.MustCompile(`\b([A-Z]+)-(\d+)(?:\s*[–-]\s*([A-Z]+)-(\d+))?`)
	nonceInURL = regexp.MustCompile(`/callbacks/twilio/[a-z]+/([^/?#]+)`)
	tokenInURL = regexp.MustCompile(`/a/([0-9a-z]+)-([0-9a-z]+)-`) // incident and attempt, in base 36
)

// isNotice tells ordinary words, of which the ledger knows nothing: that a contact is dead, for one.
func (s sent) isNotice() bool {
	return s.key == "" && (strings.HasPrefix(s.text, "Rouse\n") || strings.HasPrefix(s.text, "Rouse: "))
}

// readPush reads what ntfy is to publish; false says that no page is to be sent.
func readPush(req *http.Request, body []byte) (s sent, ok bool) {
	var push struct {
		Topic, Title, Message string
		Actions               []struct{ URL string }
	}
	if req.Method != http.MethodPost || json.Unmarshal(body, &push) != nil {
		return s, false
	}
	s = sent{channel: rosters.Push, address: push.Topic, key: keyInText.FindString(push.Title), text: push.Title + "\n" + push.Message}
	s.names = keysIn(s.text)
	if s.isNotice() {
		return s, false
	}
	if len(push.Actions) == 2 {
		s.ack, s.decline = push.Actions[0].URL, push.Actions[1].URL
		if t := tokenInURL.FindStringSubmatch(s.ack); t != nil {
			s.incident, _ = strconv.ParseInt(t[1], 36, 64) // the pattern lets digits only in
			no, _ := strconv.ParseInt(t[2], 36, 32)
			s.attempt = int(no)
		}
	}
	return s, true
}

// keysIn lists the incidents that a text names; three or more in a row are written as a range.
func keysIn(text string) (keys []string) {
	named := map[string]bool{}
	for _, m := range keysInText.FindAllStringSubmatch(text, -1) {
		from, _ := strconv.Atoi(m[2]) // the pattern lets digits only in
		to := from
		if m[3] == m[1] {
			to, _ = strconv.Atoi(m[4])
		}
		for no := from; no <= to && no-from < 10_000; no++ {
			if key := fmt.Sprintf("%s-%d", m[1], no); !named[key] {
				named[key], keys = true, append(keys, key)
			}
		}
	}
	return keys
}

// readTwilio reads what Twilio is to send.
func readTwilio(req *http.Request, body []byte) (s sent, ok bool) {
	if !sends(req) {
		return s, false
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return s, false
	}
	s = sent{channel: rosters.SMS, address: form.Get("To"), text: form.Get("Body"), key: keyInText.FindString(form.Get("Body"))}
	s.names = keysIn(s.text)
	if s.isNotice() {
		return s, false
	}
	if strings.HasSuffix(req.URL.Path, "/Calls.json") {
		s.channel = rosters.Voice
	}
	if m := nonceInURL.FindStringSubmatch(form.Get("StatusCallback")); m != nil {
		s.nonce = m[1]
	}
	return s, true
}
