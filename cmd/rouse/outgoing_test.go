package main

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// connects are the functions that connect to somewhere, diallers the types that do once somebody makes one.
var (
	connects = map[string][]string{
		"net":      {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialUnix", "LookupHost", "LookupIP", "LookupAddr", "DefaultResolver"},
		"net/http": {"DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm", "ProxyFromEnvironment"},
		"net/smtp": {"Dial", "SendMail", "NewClient"},
	}
	diallers = []string{"http.Client", "http.Transport", "net.Dialer", "net.Resolver"}
)

// unguarded are the files and folders that connect without notifiers.Guard, and why they may.
var unguarded = map[string]string{
	"notifiers/guard.go":            "it is the guard",
	"notifiers/twilio/twiliosim/":   "for tests and the demo",
	"notifiers/ntfy/ntfysim/":       "for tests and the demo",
	"notifiers/webpush/webpushsim/": "for tests and the demo",
	"cmd/rouse/client.go":           "the command line asks its own Rouse, at the address that whoever types it gives",
	"cmd/rouse/doctor_server.go":    "the command line asks its own Rouse",
	"cmd/rouse/database.go":         "to Postgres, where the operator says",
	"cmd/rouse/node/":               "runs servers for the demo and the tests",
	"cmd/rouse/bench/":              "measures",
	"cmd/rouse/prove/":              "proves",
	"cmd/rouse/demo/":               "asks the Rouse that it shows",
}

// Whatever leaves the house goes through notifiers.Guard: a client that is made elsewhere is noticed.
func TestNothingLeavesButThroughTheGuard(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		found := append(s.uses(connects), s.makes(diallers)...)
		if len(found) == 0 {
			continue
		}
		allowed := false
		for where := range unguarded {
			if s.name == where || strings.HasSuffix(where, "/") && strings.HasPrefix(s.name, where) {
				allowed, used[where] = true, true
			}
		}
		if !allowed {
			t.Errorf("%s uses %v: what leaves the house goes through notifiers.Guard", s.name, found)
		}
	}
	for where := range unguarded {
		if !used[where] {
			t.Errorf("%s connects to nothing any more: take it off the list", where)
		}
	}
}

// makes finds types of which the file makes a value: T{}, new(T), var x T.
func (s source) makes(types []string) (found []string) {
	note := func(e ast.Expr) {
		if selector, ok := e.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && slices.Contains(types, x.Name+"."+selector.Sel.Name) {
				found = append(found, x.Name+"."+selector.Sel.Name)
			}
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			note(n.Type)
		case *ast.ValueSpec:
			note(n.Type)
		case *ast.Field:
			note(n.Type) // a field that is a value, and needs no other making
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "new" && len(n.Args) == 1 {
				note(n.Args[0])
			}
		}
		return true
	})
	return found
}

func TestAnUnguardedClientIsNoticed(t *testing.T) {
	for code, noticed := range map[string]bool{
		"import \"net/http\"\nvar c = http.Client{}":           true,
		"import \"net/http\"\nvar c = &http.Client{}":          true,
		"import \"net/http\"\nvar c http.Client":               true,
		"import \"net/http\"\nvar c = new(http.Client)":        true,
		"import \"net/http\"\ntype x struct{ c http.Client }":  true,
		"import \"net/http\"\ntype x struct{ c *http.Client }": false,
		"import \"net/http\"\nvar x, _ = http.Get(\"x\")":      true,
		"import \"net\"\nvar x, _ = net.Dial(\"tcp\", \"x\")":  true,
		"import \"net\"\nvar x = net.Dialer{}":                 true,
		"import \"net/http\"\nfunc x(c *http.Client) {}":       false,
	} {
		s, err := newSource("api/x.go", "package x\n"+code)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(s.uses(connects))+len(s.makes(diallers)) > 0; got != noticed {
			t.Errorf("%s: noticed is %v", code, got)
		}
	}
}
