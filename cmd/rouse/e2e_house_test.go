package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/cmd/rouse/node"
	"rouse/migrations/dbtest"
	"rouse/notifiers/ntfy/ntfysim"
	"rouse/notifiers/twilio/twiliosim"
)

// The tests whose names begin with TestE2E see Rouse from outside: the program that people run, on a
// real Postgres, with a Twilio, an ntfy and phones. Each tells a story in a house of its own. What they
// cite are rules of package engine.

const (
	soon  = 10 * time.Second // for what happens at once: enough for a busy machine
	later = time.Hour        // a wait that no story sees the end of
)

// TestMain lets more stories run side by side than there are processors: they wait for timers.
func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", "10")
	}
	status := m.Run()
	if programDir != "" {
		_ = os.RemoveAll(programDir) // a few megabytes in a temporary folder
	}
	os.Exit(status)
}

var programDir string // where program put it, "" as long as it did not

// program builds rouse once for all tests of the process and returns where it is.
var program = sync.OnceValues(func() (file string, err error) {
	if programDir, err = os.MkdirTemp("", "rouse-e2e-"); err != nil {
		return "", err
	}
	file = filepath.Join(programDir, "rouse")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", file, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building rouse: %w\n%s", err, out)
	}
	return file, nil
})

// house is one Rouse with all that belongs to it: servers behind one public address, a database,
// providers, and residents with phones. The ladder's end is Ida.
type house struct {
	t        *testing.T
	dir      string // for logs
	database string
	twilio   *twiliosim.Sim
	ntfy     *ntfysim.Sim
	door     *door
	nodes    []*node.Process
	admin    string // API key
	client   *http.Client
	ida      *resident

	residents map[string]*resident
	metrics   map[string]string // at the end, by node
	again     int               // messages that may come twice in this story

	mu      sync.Mutex
	secrets map[string]string // what no log may have, and what that is
}

// wish is how a house is to be. The zero value will do.
type wish struct {
	second   time.Duration // of ringing and of waiting for a key; 0: 100 ms, so that a call rings for 2.5 s
	sayFor   time.Duration // how long a sentence takes in a call
	database string        // "": one of its own
	environ  []string      // settings beside the usual
	provider twiliosim.Config
	gates    func(twilio, ntfy http.Handler) (settings []string) // what stands before the providers for the first node
}

const ntfyToken = "tk_e2e_0123456789abcdefghijkl"

// newHouse has one server running.
func newHouse(t *testing.T, w wish) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), database: w.database, client: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{}},
		residents: map[string]*resident{}, secrets: map[string]string{}}
	if h.database == "" {
		h.database = dbtest.URL(t)
	}
	t.Cleanup(h.leave)
	h.door = openDoor()
	if w.provider.Second = w.second; w.second == 0 {
		w.provider.Second = 100 * time.Millisecond
	}
	w.provider.SayFor, w.provider.RetryEvery = w.sayFor, 200*time.Millisecond
	w.provider.SMSWebhook, w.provider.VoiceWebhook = h.door.URL+"/callbacks/twilio/sms", h.door.URL+"/callbacks/twilio/incoming"
	var err error
	if h.twilio, err = twiliosim.Start(w.provider); err != nil {
		t.Fatal(err)
	}
	if h.ntfy, err = ntfysim.Start(ntfysim.Config{Token: ntfyToken}); err != nil {
		t.Fatal(err)
	}
	h.secret(h.twilio.AuthToken(), "Twilio's auth token")
	h.secret(ntfyToken, "ntfy's token")
	if w.gates != nil {
		w.environ = append(w.environ, w.gates(h.twilio, h.ntfy)...)
	}
	h.newNode(w.environ...)
	key, _, err := call(t, settingsOf("ROUSE_DATABASE_URL="+h.database), "token", "create", "--scope", "admin", "--name", "e2e")
	if err != nil {
		t.Fatal(err)
	}
	h.admin = strings.TrimSpace(key)
	h.secret(h.admin, "an API key")
	h.ida = h.resident("ida", bySMS(0))
	h.roster("imoc", h.ida)
	return h
}

// newNode starts another server, with settings that go before those of the house.
func (h *house) newNode(settings ...string) *node.Process {
	h.t.Helper()
	rouse, err := program()
	if err != nil {
		h.t.Fatal(err)
	}
	// Never one that the kernel gives to outgoing connections, as it is kept while the server is dead.
	address, err := node.FreeAddress()
	if err != nil {
		h.t.Fatal(err)
	}
	n := &node.Process{Executable: rouse, Address: address, Log: filepath.Join(h.dir, fmt.Sprintf("node-%d.log", len(h.nodes)+1)),
		Environ: append([]string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "ROUSE_SPOOL_LIMIT=0", "ROUSE_STORM_TEXTS=0", "ROUSE_STORM_CALLS=0", "ROUSE_LOG_LEVEL=debug", // where nothing is told at any level
			"ROUSE_DATABASE_URL=" + h.database, "ROUSE_LISTEN=" + address, "ROUSE_PUBLIC_URL=" + h.door.URL, "ROUSE_ALLOW_PRIVATE_ADDRESSES=true",
			"ROUSE_TWILIO_ACCOUNT_SID=" + h.twilio.AccountSID(), "ROUSE_TWILIO_AUTH_TOKEN=" + h.twilio.AuthToken(),
			"ROUSE_TWILIO_FROM=" + twiliosim.DefaultFrom, "ROUSE_TWILIO_BASE_URL=" + h.twilio.URL(),
			"ROUSE_NTFY_URL=" + h.ntfy.URL(), "ROUSE_NTFY_TOKEN=" + ntfyToken,
		}, settings...)}
	h.nodes = append(h.nodes, n)
	h.start(n)
	h.door.lead(address)
	return n
}

func (h *house) start(n *node.Process) {
	h.t.Helper()
	if _, err := n.Start(context.Background()); err != nil {
		h.t.Fatal(err)
	}
}

// leave takes the house apart and looks at what it leaves: nobody got a message twice, and the logs
// keep what is to be kept.
func (h *house) leave() {
	h.measured()
	for _, n := range h.nodes {
		n.Stop()
	}
	if h.twilio != nil && h.ntfy != nil {
		h.nothingCameTwice()
		h.nothingIsTold()
		h.twilio.Close()
		h.ntfy.Close()
	}
	h.door.Close()
	h.client.CloseIdleConnections()
	if h.t.Failed() {
		for _, n := range h.nodes {
			lines := slices.DeleteFunc(strings.Split(h.log(n), "\n"), func(l string) bool { return strings.Contains(l, "method=GET") })
			h.t.Logf("the end of %s:\n%s", n.Log, strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	}
}

// nothingCameTwice looks for texts and pushes that came to the same phone in the same words.
func (h *house) nothingCameTwice() {
	came := map[string]int{}
	for _, r := range h.residents {
		for _, text := range r.Inbox() {
			if replyCode.MatchString(text.Body) {
				came[r.handle+" text "+text.Body]++
			}
		}
		for _, push := range r.screen.Inbox() {
			came[r.handle+" push "+push.Title+push.Message]++
		}
	}
	twice := 0
	for _, n := range came {
		twice += n - 1
	}
	if twice > h.again {
		maps.DeleteFunc(came, func(_ string, n int) bool { return n == 1 })
		h.t.Errorf("%d messages came again, %d may: %v", twice, h.again, came)
	}
}

// nothingIsTold looks through the logs for what no log may have (S13). Each house does, so that every
// story is looked through.
func (h *house) nothingIsTold() {
	h.secret(strings.TrimPrefix(twiliosim.DefaultFrom, "+"), "Rouse's own number")
	for _, r := range h.residents {
		h.secret(strings.TrimPrefix(r.Number(), "+"), r.handle+"'s number")
		h.secret(r.screen.Topic(), r.handle+"'s topic")
		for _, text := range r.Inbox() {
			h.secret(text.Body, "a text")
			if code := replyCode.FindStringSubmatch(text.Body); code != nil {
				h.secret(code[1], "a reply code")
			}
		}
		for _, push := range r.screen.Inbox() {
			if push.Title != "Rouse" { // a notice's
				h.secret(push.Title, "a push's title")
			}
			if push.Message != "" {
				h.secret(push.Message, "a push")
			}
			for _, button := range push.Actions {
				token := strings.Split(button.URL, "/")[4] // http://host/a/<incident>-<attempt>-<secret>/ack
				h.secret(strings.SplitN(token, "-", 3)[2], "a button's secret")
			}
		}
	}
	for _, e := range h.twilio.Events() {
		if _, nonce, ok := strings.Cut(e.URL, "/callbacks/twilio/status/"); ok {
			h.secret(nonce, "a nonce")
		}
	}
	for _, n := range h.nodes {
		h.tells("the log", h.log(n))
	}
	for node, text := range h.metrics {
		h.tells("what "+node+" measures", text)
	}
	for _, e := range h.twilio.Events() { // Twilio keeps the addresses that it asks: they have the attempt's nonce, and nothing else
		h.tells("an address that a provider keeps", withNonce.ReplaceAllString(e.URL, ""))
	}
}

// withNonce are Twilio's addresses that are made for one attempt, or for the page that a caller is read.
var withNonce = regexp.MustCompile(`/callbacks/twilio/(status|voice|key|incoming)/[A-Z0-9]+`)

// e164 finds a phone number wherever it stands, written out or as in an address. Dates and offsets of zones have no
// seven digits behind a plus.
var e164 = regexp.MustCompile(`(?:\+|%2[Bb])[1-9][0-9]{6,14}`)

// tells looks through a text for secrets and numbers.
func (h *house) tells(where, text string) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for secret, what := range h.secrets {
		if strings.Contains(text, secret) && regexp.MustCompile(`(^|\W)`+regexp.QuoteMeta(secret)+`(\W|$)`).MatchString(text) {
			h.t.Errorf("%s has %s, %q", where, what, secret)
		}
	}
	if found := e164.FindString(text); found != "" {
		h.t.Errorf("%s has a number, %q", where, found)
	}
}

// keeps notes what a request says that no log may have: addresses of contacts, and secrets of providers, browsers and
// mail servers.
func (h *house) keeps(in any) {
	switch v := in.(type) {
	case object:
		for name, value := range v {
			text, isText := value.(string)
			switch {
			case isText && text != "" && slices.Contains([]string{"address", "endpoint", "auth", "p256dh", "password"}, name):
				h.secret(text, "what was given as "+name)
			case name == "secrets":
				for secret, value := range value.(object) {
					h.secret(fmt.Sprint(value), "a provider's "+secret)
				}
			default:
				h.keeps(value)
			}
		}
	case []object:
		for _, each := range v {
			h.keeps(each)
		}
	}
}

// measured keeps what the nodes measure, as long as they run.
func (h *house) measured() {
	h.metrics = map[string]string{}
	for _, n := range h.nodes {
		if _, _, body, err := h.ask(n.URL(), "GET", "/metrics", "", nil); err == nil {
			h.metrics[n.Address] = string(body)
		}
	}
}

func (h *house) log(n *node.Process) string {
	text, err := os.ReadFile(n.Log)
	if err != nil {
		h.t.Error(err)
	}
	return string(text)
}

func (h *house) secret(value, what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.secrets[value] = what
}
