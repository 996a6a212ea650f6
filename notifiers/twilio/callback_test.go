package twilio_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rouse/notifiers"
	"rouse/notifiers/twilio"
	"rouse/notifiers/twilio/twiliosim"
)

const (
	token  = "tok-accept-1"
	public = "https://rouse.example.com"
	sid    = twiliosim.DefaultAccountSID
)

func account(t testing.TB, base string, tokens ...string) *twilio.Twilio {
	tw, err := twilio.New(twilio.Config{AccountSID: sid, AuthTokens: tokens, From: "+15005550006", CallbackBase: base})
	if err != nil {
		t.Fatal(err)
	}
	return tw
}

// callback is a callback as it reaches the server, with a Host that means nothing.
func callback(target, signature string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080"+target, strings.NewReader(form.Encode()))
	r.RequestURI = target
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.Header.Set("X-Twilio-Signature", signature)
	r.Header.Set("X-Forwarded-Host", "evil.example.com")
	return r
}

func form() url.Values {
	return url.Values{
		"AccountSid": {sid}, "MessageSid": {"SM1"}, "From": {"+15555550100"}, "To": {"+15555550199"},
		"Body": {"482913 übernommen ✅ + % & ="}, "NumMedia": {"0"},
	}
}

// S1: the vectors of twilio-go's own tests and of an independent implementation.
func TestSignatureVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/twilio-signature.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			ID, Token, URL, Signature string
			Params                    map[string]string
			Valid                     bool
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 8 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		params := url.Values{}
		for name, value := range v.Params {
			params.Set(name, value)
		}
		if got := twilio.Signature(v.Token, v.URL, params) == v.Signature; got != v.Valid {
			t.Errorf("%s: valid is %v, want %v", v.ID, got, v.Valid)
		}
	}
}

func TestVerifyTakesWhatTwilioSigned(t *testing.T) {
	const target = "/callbacks/twilio/status/n1?x=1&b=%20"
	for _, c := range []struct{ name, base, signedURL string }{
		{"as configured", public, public + target},
		{"with port", public, public + ":443" + target},
		{"without port", public + ":443", public + target},
		{"odd port", public + ":8443", public + ":8443" + target},
		{"odd port left out", public + ":8443", public + target},
		{"trailing slash", public + "/", public + target},
		{"below a path", public + "/rouse", public + "/rouse" + target},
		{"IPv6", "http://[::1]:8080", "http://[::1]:8080" + target},
		{"user information", "https://user:pw@rouse.example.com", "https://user:pw@rouse.example.com" + target},
		{"with our fragment", public, public + target + "#rc=5&rp=5xx,ct,rt"},
	} {
		tw := account(t, c.base, "new-token", token) // while the token is being changed
		got, err := tw.Verify(callback(target, twilio.Signature(token, c.signedURL, form()), form()))
		if err != nil || got.Get("Body") != form().Get("Body") {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	const target = "/callbacks/twilio/sms"
	tw := account(t, public, token)
	good := func() *http.Request {
		return callback(target, twilio.Signature(token, public+target, form()), form())
	}
	if _, err := tw.Verify(good()); err != nil {
		t.Fatal(err)
	}
	resigned := func(base string, f url.Values) *http.Request {
		return callback(target, twilio.Signature(token, base+target, f), f)
	}
	other := form()
	other.Set("AccountSid", "AC00000000000000000000000000000000")
	large := form()
	large.Set("Body", strings.Repeat("x", 64<<10))
	for name, r := range map[string]*http.Request{
		"no signature":       callback(target, "", form()),
		"another token":      callback(target, twilio.Signature("tok-accept-2", public+target, form()), form()),
		"empty token":        callback(target, twilio.Signature("", public+target, form()), form()),
		"Host's URL":         resigned("http://127.0.0.1:8080", form()),
		"forwarded URL":      resigned("https://evil.example.com", form()),
		"another path":       callback(target+"/", twilio.Signature(token, public+target, form()), form()),
		"a query more":       callback(target+"?a=b", twilio.Signature(token, public+target, form()), form()),
		"http, not https":    resigned("http://rouse.example.com", form()),
		"another account":    resigned(public, other),
		"more than 64 KiB":   resigned(public, large),
		"value twice":        callback(target, twilio.Signature(token, public+target, form()), withAnother(form(), "From", "+15555550101")),
		"two signatures":     with(good(), func(r *http.Request) { r.Header.Add("X-Twilio-Signature", "x") }),
		"GET":                with(good(), func(r *http.Request) { r.Method = http.MethodGet }),
		"JSON":               with(good(), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }),
		"signature in hex":   with(good(), func(r *http.Request) { r.Header.Set("X-Twilio-Signature", "4e0b") }),
		"signature and more": with(good(), func(r *http.Request) { r.Header["X-Twilio-Signature"][0] += "=" }),
	} {
		if got, err := tw.Verify(r); !errors.Is(err, twilio.ErrSignature) || got != nil {
			t.Errorf("%s: accepted %v, %v", name, got, err)
		}
	}
}

func with(r *http.Request, change func(*http.Request)) *http.Request {
	change(r)
	return r
}

func withAnother(f url.Values, name, value string) url.Values {
	f.Add(name, value)
	return f
}

// S1: a signed callback in which anything is changed is refused.
func TestVerifyRefusesMutations(t *testing.T) {
	const target = "/callbacks/twilio/key/n1?attempt=2"
	tw := account(t, public, token)
	signature := twilio.Signature(token, public+target, form())
	const mutations, workers = 100_000, 4
	var accepted atomic.Int32
	var work sync.WaitGroup
	for worker := range uint64(workers) {
		work.Go(func() {
			accepted.Add(mutated(t, tw, target, signature, rand.New(rand.NewPCG(1, worker)), mutations/workers))
		})
	}
	work.Wait()
	t.Logf("%d mutations of a signed callback, %d accepted", mutations, accepted.Load())
}

// mutated changes a signed callback so often, each time by chance, and counts how many of these are accepted.
func mutated(t *testing.T, tw *twilio.Twilio, target, signature string, random *rand.Rand, mutations int) (accepted int32) {
	original := form()
	for tried := 0; tried < mutations; {
		f, uri, signed := form(), target, signature
		switch random.IntN(5) {
		case 0:
			uri = mutate(random, target)
		case 1:
			signed = mutate(random, signature)
		case 2:
			f.Del(anyName(random, f))
		case 3:
			name := anyName(random, f)
			f.Set(name, mutate(random, f.Get(name)))
		default:
			name := anyName(random, f)
			f.Add(mutate(random, name), f.Get(name))
		}
		if uri == target && signed == signature && once(f).Encode() == original.Encode() {
			continue // nothing that anybody reads has changed
		}
		if strings.ContainsAny(uri, "\r\n #") || !strings.HasPrefix(uri, "/") {
			continue // no server gets that as a target
		}
		tried++
		if _, err := tw.Verify(callbackOf(uri, signed, f)); err == nil {
			accepted++
			t.Errorf("accepted %q %q %v", uri, signed, f)
		}
	}
	return accepted
}

// once is a form without the same value twice under one name.
func once(f url.Values) url.Values {
	for name, values := range f {
		f[name] = slices.Compact(values)
	}
	return f
}

// Twilio signs names and values without anything between them, so a value can swallow the names that
// follow it. What is left then names no sender, which no caller may take for somebody.
func TestSwallowedSenderIsNobody(t *testing.T) {
	const target = "/callbacks/twilio/sms"
	f := form()
	signature := twilio.Signature(token, public+target, f)
	f.Set("Body", f.Get("Body")+"From"+f.Get("From"))
	f.Del("From")
	v, err := account(t, public, token).Verify(callback(target, signature, f))
	if err != nil {
		t.Skip("refused, which is better still")
	}
	if from, body, _ := twilio.ParseReply(v); from != "" || notifiers.ParseReply(body).Answer != notifiers.Unclear {
		t.Errorf("from %q: %q", from, body)
	}
}

// callbackOf is callback for targets that no URL parser would take.
func callbackOf(target, signature string, f url.Values) *http.Request {
	r := callback("/", signature, f)
	r.RequestURI = target
	return r
}

func anyName(random *rand.Rand, f url.Values) string {
	names := []string{"AccountSid", "MessageSid", "From", "To", "Body", "NumMedia"}
	return names[random.IntN(len(names))]
}

func mutate(random *rand.Rand, text string) string {
	b := []byte(text)
	i := random.IntN(len(b))
	switch random.IntN(4) {
	case 0:
		b[i] ^= 1 << random.IntN(7)
	case 1:
		b = append(b[:i], b[i+1:]...)
	case 2:
		b = append(b[:i], append([]byte{byte('!' + random.IntN(90))}, b[i:]...)...)
	default:
		j := random.IntN(len(b))
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func TestParseStatus(t *testing.T) {
	text := func(status, code string) url.Values {
		return url.Values{"MessageSid": {"SM1"}, "SmsSid": {"SM1"}, "MessageStatus": {status}, "ErrorCode": {code}}
	}
	call := func(status string) url.Values {
		return url.Values{"CallSid": {"CA1"}, "CallStatus": {status}, "Timestamp": {"Mon, 15 Aug 2005 15:52:01 +0000"}}
	}
	for _, c := range []struct {
		v      url.Values
		state  notifiers.State // "" for no news
		detail string
	}{
		{text("accepted", ""), "", ""},
		{text("queued", ""), "", ""},
		{text("sending", ""), "", ""},
		{text("sent", "0"), notifiers.Sent, ""},
		{text("delivered", ""), notifiers.Delivered, ""},
		{text("undelivered", "30006"), notifiers.Failed, "a landline, or a carrier that cannot be reached"},
		{text("failed", "30036"), notifiers.Failed, "not sent within five minutes, so not at all"},
		{text("failed", "39999"), notifiers.Failed, "not delivered"},
		{text("brand-new", ""), "", ""},
		{call("queued"), "", ""},
		{call("initiated"), notifiers.Sent, ""},
		{call("ringing"), notifiers.Sent, ""},
		{call("in-progress"), notifiers.Delivered, ""},
		{call("completed"), notifiers.Delivered, ""},
		{call("busy"), notifiers.Failed, "busy"},
		{call("no-answer"), notifiers.Failed, "nobody answered"},
		{call("canceled"), notifiers.Failed, "hung up before it was answered"},
		{call("failed"), notifiers.Failed, "the call could not be connected"},
		{url.Values{}, "", ""},
	} {
		r, ok := twilio.ParseStatus(c.v)
		if ok != (c.state != "") || ok && (r.State != c.state || r.Detail != c.detail || r.Provider != "twilio" || r.ProviderID == "") {
			t.Errorf("%v: %+v, %v; want %q %q", c.v, r, ok, c.state, c.detail)
		}
		if ok && strings.HasPrefix(r.ProviderID, "CA") && r.At.Unix() != 1124121121 {
			t.Errorf("%v: at %s", c.v, r.At)
		}
		status := c.v.Get("CallStatus")
		if over := status == "completed" || status != "" && c.state == notifiers.Failed; r.Over != over {
			t.Errorf("%v: over is %v, want %v", c.v, r.Over, over)
		}
	}
}

func TestParseKeyTakesOneKeyOnly(t *testing.T) {
	for digits, want := range map[string]string{"1": "1", "#": "#", "*": "*", "": "", "12": "", "x": "", "w": "", "１": ""} {
		if call, got := twilio.ParseKey(url.Values{"CallSid": {"CA1"}, "Digits": {digits}}); got != want || call != "CA1" {
			t.Errorf("%q is %q, want %q", digits, got, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	tw := account(f, public, token)
	f.Add("/callbacks/twilio/sms", "sig", "AccountSid="+sid)
	f.Fuzz(func(t *testing.T, target, signature, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.RequestURI = target
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Twilio-Signature", signature)
		if v, err := tw.Verify(r); err == nil {
			t.Errorf("accepted %v", v)
		}
	})
}
