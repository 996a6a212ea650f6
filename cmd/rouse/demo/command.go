package demo

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/cmd/rouse/spelling"
)

// command is what somebody typed, understood.
type command struct {
	verb     string // one of verbs, or "phone"; "" for an empty line
	person   person // with phone: whose
	act      string // with phone: one of acts
	text     string // a reply, keys, a summary, a reason, a provider
	key      string // the incident
	target   string // with page: roster or person
	service  string // with fire
	severity string // with fire
	down     bool   // with provider
	pause    time.Duration
}

// verb is a command as help shows it.
type verb struct{ name, usage, help string }

var verbs = []verb{
	{"fire", "fire [service] [severity] [summary]", "Alertmanager posts an alert: fire jira high Search is slow"},
	{"repeat", "repeat HOT-1", "Alertmanager posts the same alert again"},
	{"resolve", "resolve HOT-1", "Alertmanager says that it is over"},
	{"page", "page HOT-1 dba [why]", "page a team or a person in"},
	{"kill", "kill", "kill the server with SIGKILL; phones and alerts go on"},
	{"restart", "restart", "start it again: nothing is lost"},
	{"provider", "provider down|up [ntfy|twilio]", "put the providers out of order, or in order again"},
	{"oncall", "oncall", "who is who, and who is on call now"},
	{"incidents", "incidents", "what is open, and who has it"},
	{"show", "show HOT-1", "everything about one incident"},
	{"wait", "wait 5", "do nothing for so many seconds; for input from a file"},
	{"help", "help", "this list"},
	{"quit", "quit", "end the demo, as Ctrl-D does"},
}

// acts are what can be done with a phone.
var acts = []string{"ack", "decline", "reply", "press", "answer", "voicemail", "hangup", "push"}

const actsUsage = "ack, decline, reply <text>, press <keys>, answer, voicemail, hangup, push ack, push decline"

// parse understands a line. An error is one line that says what is possible.
func parse(line string) (command, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return command{}, nil
	}
	first, rest := strings.ToLower(words[0]), words[1:]
	if who, ok := personByHandle(first); ok {
		return parseAct(who, rest)
	}
	known, ok := find(verbs, func(v verb) bool { return v.name == first })
	if !ok {
		return command{}, fmt.Errorf("there is no command %q%s Type help for all of them", words[0], didYouMean(first, vocabulary()))
	}
	c := command{verb: first}
	var err error
	switch first {
	case "fire":
		c.service, c.severity, c.text = alertWords(rest)
	case "repeat", "resolve", "show":
		c.key, rest, err = incidentWord(known, rest)
	case "page":
		c, err = parsePage(known, rest)
	case "provider":
		c, err = parseProvider(known, rest)
	case "wait":
		c.pause, err = pauseWord(known, rest)
	default:
		if len(rest) > 0 {
			err = fmt.Errorf("%q is too much: just type %s", strings.Join(rest, " "), first)
		}
	}
	return c, err
}

func vocabulary() (words []string) {
	for _, v := range verbs {
		words = append(words, v.name)
	}
	for _, p := range people {
		words = append(words, p.handle)
	}
	return words
}

func parseAct(who person, words []string) (command, error) {
	c := command{verb: "phone", person: who}
	if len(words) == 0 {
		return c, fmt.Errorf("what does %s do? %s", who.handle, actsUsage)
	}
	c.act = strings.ToLower(words[0])
	c.text = strings.Join(words[1:], " ")
	switch c.act {
	case "acknowledge":
		c.act = "ack"
	case "reply":
		if c.text == "" {
			return c, fmt.Errorf("what does %s text back? Write: %s reply <text>", who.handle, who.handle)
		}
		return c, nil
	case "press":
		if !keys.MatchString(c.text) {
			return c, fmt.Errorf("which keys? Write: %s press 1 (acknowledge), 2 (decline) or 9 (repeat)", who.handle)
		}
		return c, nil
	case "push":
		c.text = strings.ToLower(c.text)
		if c.text != "ack" && c.text != "decline" {
			return c, fmt.Errorf("which button? Write: %s push ack, or %s push decline", who.handle, who.handle)
		}
		return c, nil
	}
	if !slices.Contains(acts, c.act) {
		return c, fmt.Errorf("a phone cannot %q%s Possible: %s", words[0], didYouMean(c.act, acts), actsUsage)
	}
	if c.text != "" {
		return c, fmt.Errorf("%q is too much: just type %s %s", c.text, who.handle, c.act)
	}
	return c, nil
}

var (
	keys       = regexp.MustCompile(`^[0-9*#]{1,20}$`)
	severities = []string{"critical", "high", "warning", "1", "2", "3"}
	keyWord    = regexp.MustCompile(`^(?:[a-zA-Z]+-)?([0-9]{1,6})$`)
)

// alertWords are service, severity and summary; what is missing is made up.
func alertWords(words []string) (service, severity, summary string) {
	service, severity = "bitbucket", "critical"
	if len(words) > 0 {
		service, words = strings.ToLower(words[0]), words[1:]
	}
	if len(words) > 0 && slices.Contains(severities, strings.ToLower(words[0])) {
		severity, words = strings.ToLower(words[0]), words[1:]
	}
	if summary = strings.Join(words, " "); summary == "" {
		summary = "Requests to " + service + " fail"
	}
	return service, severity, summary
}

// incidentWord takes an incident's key, which may be written HOT-1, hot-1 or 1.
func incidentWord(v verb, words []string) (key string, rest []string, err error) {
	if len(words) == 0 {
		return "", nil, fmt.Errorf("which incident? Write: %s", v.usage)
	}
	m := keyWord.FindStringSubmatch(words[0])
	if m == nil {
		return "", nil, fmt.Errorf("%q is no incident. Write: %s", words[0], v.usage)
	}
	return "HOT-" + m[1], words[1:], nil
}

func parsePage(v verb, words []string) (command, error) {
	c := command{verb: v.name}
	key, rest, err := incidentWord(v, words)
	if err != nil {
		return c, err
	}
	if len(rest) == 0 {
		return c, fmt.Errorf("page whom in? Write: %s", v.usage)
	}
	c.key, c.target, c.text = key, strings.ToLower(rest[0]), strings.Join(rest[1:], " ")
	_, isRoster := rosterByID(c.target)
	_, isPerson := personByHandle(c.target)
	if !isRoster && !isPerson {
		var targets []string
		for _, r := range teams {
			targets = append(targets, r.id)
		}
		return c, fmt.Errorf("there is no roster and no person %q%s Rosters: %s",
			c.target, didYouMean(c.target, targets), strings.Join(targets, ", "))
	}
	return c, nil
}

func parseProvider(v verb, words []string) (command, error) {
	c := command{verb: v.name}
	if len(words) == 0 || len(words) > 2 || words[0] != "down" && words[0] != "up" {
		return c, fmt.Errorf("write: %s", v.usage)
	}
	c.down = words[0] == "down"
	if len(words) == 2 {
		if c.text = words[1]; c.text != "ntfy" && c.text != "twilio" {
			return c, fmt.Errorf("there is no provider %q: ntfy takes pushes, twilio SMS and calls", c.text)
		}
	}
	return c, nil
}

func pauseWord(v verb, words []string) (time.Duration, error) {
	if len(words) == 1 {
		seconds, err := strconv.ParseFloat(strings.TrimSuffix(words[0], "s"), 64)
		if err == nil && seconds >= 0 && seconds <= 600 {
			return time.Duration(seconds * float64(time.Second)), nil
		}
	}
	return 0, fmt.Errorf("write: %s (at most 600 seconds)", v.usage)
}

// didYouMean is the end of a sentence: a full stop, after the nearest word if one is near.
func didYouMean(word string, known []string) string {
	nearest := slices.MinFunc(known, func(a, b string) int { return spelling.Distance(word, a) - spelling.Distance(word, b) })
	if spelling.Distance(word, nearest) > (len(word)+1)/2 {
		return "."
	}
	return fmt.Sprintf(". Did you mean %s?", nearest)
}
