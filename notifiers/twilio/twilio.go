// Package twilio sends SMS and calls with Twilio and reads what Twilio posts back. It decides
// nothing: which page, whom, when and what an answer does is others' business.
//
// It talks to Twilio's API of 2010-04-01 through twilio-go's rest/api/v2010, whose requests it
// sends itself (see account), so that they keep to a context and to the guarded HTTP client.
package twilio

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"rouse/notifiers"
)

// Provider is the name in receipts and failures.
const Provider = "twilio"

// The paths below the public URL at which Twilio calls back. To all but SMSPath and IncomingPath the nonce of the
// message is appended. SMSPath has to be entered in Twilio's console as the number's (or the
// messaging service's) webhook for incoming messages, method POST.
const (
	StatusPath = "/callbacks/twilio/status/" // how far a message or call got
	VoicePath  = "/callbacks/twilio/voice/"  // a call was answered: what to say
	KeyPath    = "/callbacks/twilio/key/"    // a key was pressed
	SMSPath    = "/callbacks/twilio/sms"     // somebody texted
	// Somebody calls: to be entered in the console as the number's webhook for incoming calls. Keys come to it with
	// the page that was read appended, and codes with the answer that they are for behind that.
	IncomingPath = "/callbacks/twilio/incoming"
)

// overrides asks Twilio to try a callback that fails again, up to five times within its limit of
// 15 s, instead of once: enough to outlast a restart. It is a URL fragment that Twilio keeps to
// itself (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
const overrides = "#rc=5&rp=5xx,ct,rt"

// Config is an account with Twilio.
type Config struct {
	Name       string // in receipts; "" is Provider
	AccountSID string // "AC" and 32 characters
	// AuthTokens verify callbacks; the first also signs requests in, unless an API key is given.
	// While a token is being changed both stand here.
	AuthTokens []string
	// APIKey and APISecret sign requests in instead of the auth token; both or none. Callbacks are
	// signed with the auth token even so.
	APIKey, APISecret string

	From string // the number that texts and calls, E.164
	// Senders are other numbers to text and call from, by the beginning of the recipient's, "+1": the longest
	// that fits, else From.
	Senders map[string]string

	MessagingServiceSID string // "MG" and 32 characters: texts go through it instead; may be empty

	// RingFor is how long a call rings, in whole seconds up to 10 min; 0 is 25 s.
	RingFor time.Duration

	BaseURL      string // of the API; "" is https://api.twilio.com. Another for an edge, or a twiliosim
	CallbackBase string // the public URL of this Rouse, "https://rouse.example.com"

	HTTP *http.Client // nil is a strict notifiers.Guard's
}

// Twilio is an account that is ready to be used, by many goroutines.
type Twilio struct {
	name         string
	account      account
	tokens       []string
	senders      map[string]string // From for ""
	service      string
	callbackBase string   // without trailing slash
	signedBases  []string // callbackBase as Twilio may write it when it signs
	placed       placed   // calls of this process
	ringFor      time.Duration
}

var prefixForm = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)

var sidForm = regexp.MustCompile(`^[A-Z]{2}[0-9a-zA-Z]{32}$`)

// New checks the configuration and says everything that is wrong with it, field by field.
func New(c Config) (*Twilio, error) {
	var wrong []error
	check := func(ok bool, field, what string) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("twilio: %s %s", field, what))
		}
	}
	check(sidForm.MatchString(c.AccountSID) && strings.HasPrefix(c.AccountSID, "AC"),
		"AccountSID", `is not an account SID ("AC" and 32 characters)`)
	check(len(c.AuthTokens) > 0 && !slices.Contains(c.AuthTokens, ""),
		"AuthTokens", "is missing: without it a callback cannot be told from a forged one")
	check((c.APIKey == "") == (c.APISecret == ""), "APIKey, APISecret", "belong together")
	check(notifiers.IsE164(c.From), "From", "is not a phone number in E.164 form (+4930123456)")
	for prefix, from := range c.Senders {
		if prefix == "" {
			check(false, "Senders", "has one for no country: give +49=+4930123456, or set From, which is for all others")
			continue
		}
		check(prefixForm.MatchString(prefix) && notifiers.IsE164(from), "Senders", "has "+prefix+", which is not the beginning of a number (+1), or has no number in E.164 form")
	}
	check(c.MessagingServiceSID == "" || sidForm.MatchString(c.MessagingServiceSID) && strings.HasPrefix(c.MessagingServiceSID, "MG"),
		"MessagingServiceSID", `is not a messaging service SID ("MG" and 32 characters)`)
	base, err := parseBase(c.BaseURL, "https://api.twilio.com")
	check(err == nil && base.Path == "", "BaseURL", "is not a URL of scheme and host only")
	callbacks, err := parseBase(c.CallbackBase, "")
	check(err == nil, "CallbackBase", "is not a public URL (https://rouse.example.com)")
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}

	t := &Twilio{
		name:         cmp.Or(c.Name, Provider),
		tokens:       slices.Clone(c.AuthTokens),
		senders:      map[string]string{"": c.From},
		service:      c.MessagingServiceSID,
		ringFor:      c.RingFor,
		callbackBase: strings.TrimRight(c.CallbackBase, "/"),
		account:      account{http: c.HTTP, base: base, sid: c.AccountSID, user: c.AccountSID, password: c.AuthTokens[0]},
	}
	maps.Copy(t.senders, c.Senders)
	t.signedBases = withAndWithoutPort(t.callbackBase, callbacks)
	if c.APIKey != "" {
		t.account.user, t.account.password = c.APIKey, c.APISecret
	}
	if t.account.http == nil {
		t.account.http = notifiers.Guard{}.Client()
	}
	return t, nil
}

func parseBase(text, otherwise string) (*url.URL, error) {
	if text == "" {
		text = otherwise
	}
	u, err := url.Parse(strings.TrimRight(text, "/"))
	switch {
	case err != nil:
		return nil, errors.New("malformed") // the error would quote a password in it
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("not a base URL")
	}
	return u, nil
}

// Name is what the account is called in receipts.
func (t *Twilio) Name() string { return t.name }

// SMS is the channel of texts: a Notifier and Finder.
func (t *Twilio) SMS() notifiers.Notifier { return sms{t} }

// Voice is the channel of calls: a Notifier, Finder and Withdrawer.
func (t *Twilio) Voice() notifiers.Notifier { return voice{t} }

// callback is the URL below the public one at which Twilio calls back about a message.
func (t *Twilio) callback(path, nonce string) string {
	return t.callbackBase + path + url.PathEscape(nonce) + overrides
}
