package twiliosim

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"rouse/notifiers"
)

func (s *Sim) routes() http.Handler {
	mux := http.NewServeMux()
	const account = "/2010-04-01/Accounts/{account}"
	mux.Handle("POST "+account+"/Messages.json", s.signedIn("POST Messages", s.createMessage))
	mux.Handle("GET "+account+"/Messages.json", s.signedIn("GET Messages", s.listMessages))
	mux.Handle("GET "+account+"/Messages/{sid}", s.signedIn("GET Message", s.getMessage))
	mux.Handle("POST "+account+"/Calls.json", s.signedIn("POST Calls", s.createCall))
	mux.Handle("GET "+account+"/Calls.json", s.signedIn("GET Calls", s.listCalls))
	mux.Handle("GET "+account+"/Calls/{sid}", s.signedIn("GET Call", s.getCall))
	mux.Handle("POST "+account+"/Calls/{sid}", s.signedIn("POST Call", s.updateCall))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_ = notFound(r).write(w)
	})
	return mux
}

// answer is what a request gets: a status and a JSON body.
type answer struct {
	status     int
	body       any
	phone, sid string // for the event
	then       func() // done in the background, once the request is recorded
}

func (a answer) write(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.Header().Set("Twilio-Request-Id", newSID("RQ"))
	w.WriteHeader(a.status)
	return json.NewEncoder(w).Encode(a.body)
}

// problem is an error as Twilio words it.
func problem(status, code int, message string) answer {
	return answer{status: status, body: map[string]any{
		"code": code, "message": message, "status": status,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code),
	}}
}

func bad(code int, message string) answer { return problem(http.StatusBadRequest, code, message) }

func notFound(r *http.Request) answer {
	return problem(http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
}

// refuse is how Twilio answers when it is not well.
func refuse(w http.ResponseWriter, status int) {
	problems := map[int]answer{
		http.StatusTooManyRequests:     problem(status, 20429, "Too Many Requests"),
		http.StatusInternalServerError: problem(status, 20500, "An internal server error has occurred"),
		http.StatusServiceUnavailable:  problem(status, 20503, "Service is temporarily unavailable"),
	}
	_ = problems[status].write(w)
}

// signedIn checks who asks, parses the form and records the request.
func (s *Sim) signedIn(name string, handle func(*http.Request) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := problem(http.StatusUnauthorized, 20003, "Authenticate")
		if s.mayIn(r) {
			switch err := r.ParseForm(); {
			case err != nil:
				a = bad(20001, "Malformed form")
			case r.PathValue("account") != s.cfg.AccountSID:
				a = notFound(r)
			default:
				a = handle(r)
			}
		}
		s.record(Event{Kind: Requested, Text: name, Status: a.status, Phone: a.phone, SID: a.sid})
		if a.then != nil {
			s.spawn(a.then)
		}
		_ = a.write(w) // the client may be gone
	})
}

func (s *Sim) mayIn(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	secret, ok := s.cfg.APIKeys[user]
	if user == s.cfg.AccountSID {
		secret, ok = s.cfg.AuthToken, true
	}
	return ok && subtle.ConstantTimeCompare([]byte(password), []byte(secret)) == 1
}

func validNumber(number string) bool { return notifiers.IsE164(number) }

func validURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// list is a page of resources, the newest first.
func list(r *http.Request, name string, all []any) answer {
	size := 50
	if n, err := strconv.Atoi(r.Form.Get("PageSize")); err == nil && n > 0 && n <= 1000 {
		size = n
	}
	shown := append([]any{}, all[:min(size, len(all))]...) // never null
	uri := r.URL.RequestURI()
	return answer{status: http.StatusOK, body: map[string]any{
		name: shown, "page": 0, "page_size": size, "start": 0, "end": max(0, len(shown)-1),
		"uri": uri, "first_page_uri": uri, "next_page_uri": nil, "previous_page_uri": nil,
	}}
}

// rfc2822 is Twilio's form of dates, nil for none.
func rfc2822(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UTC().Format(time.RFC1123Z)
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
