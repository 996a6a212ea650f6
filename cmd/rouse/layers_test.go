package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers is the table of packages of DESIGN §3: which of our packages each may import. A package that
// is not in it has to be put there first; one that is in it may be missing still. A line that ends in
// /* stands for all packages below that have no line of their own.
var layers = map[string][]string{
	"rosters":             {},
	"rosters/clerk":       {"rosters"},
	"rosters/ical":        {"rosters"},
	"rosters/rosterdb":    {"rosters"},
	"engine":              {"rosters"},
	"engine/enginedb":     {"engine", "rosters"},
	"engine/pager":        {"engine", "engine/enginedb", "engine/match", "rosters", "rosters/rosterdb", "notifiers"},
	"engine/match":        {"engine"},
	"engine/simulator":    {"engine", "rosters"},
	"notifiers":           {},
	"notifiers/*":         {"notifiers"},
	"notifiers/twilio/*":  {"notifiers", "notifiers/fake"},
	"notifiers/ntfy/*":    {"notifiers", "notifiers/fake"},
	"notifiers/email/*":   {"notifiers"},
	"notifiers/webpush/*": {"notifiers", "notifiers/fake"},
	"api":                 {"*"}, // but for what is reserved below
	"api/*":               {"api/*", "engine", "engine/enginedb", "engine/pager", "rosters", "rosters/ical", "rosters/rosterdb", "notifiers", "notifiers/*"},
	"migrations":          {},
	"migrations/localpg":  {},
	"migrations/dbtest":   {"migrations", "migrations/localpg"},
	"cmd/rouse":           {"*"},
	"cmd/rouse/*":         {"*"},
}

// reserved are packages of others that only some of ours may import, those below included.
var reserved = map[string][]string{
	"github.com/twilio/twilio-go":        {"notifiers/twilio"},
	"github.com/wneessen/go-mail":        {"notifiers/email"},
	"github.com/emersion":                {"notifiers/email/emailsim"},
	"github.com/riverqueue/river":        {"engine/pager", "migrations"},
	"github.com/teambition/rrule-go":     {"rosters"},
	"github.com/spf13":                   {"cmd/rouse"},
	"go.yaml.in/yaml":                    {"cmd/rouse"},
	"github.com/fergusstrange":           {"migrations/localpg"},
	"github.com/jackc/pgx":               {"cmd/rouse", "rosters/rosterdb", "engine/enginedb", "engine/pager", "migrations", "api"},
	"rouse/migrations":                   {"cmd/rouse", "migrations"},
	"rouse/cmd":                          {"cmd/rouse"},
	"rouse/notifiers/twilio/twiliosim":   {"cmd/rouse"},
	"rouse/notifiers/ntfy/ntfysim":       {"cmd/rouse"},
	"rouse/notifiers/email/emailsim":     {"cmd/rouse"},
	"rouse/notifiers/webpush/webpushsim": {"cmd/rouse"},
	"rouse/notifiers/fake":               {"cmd/rouse", "notifiers/twilio/twiliosim", "notifiers/ntfy/ntfysim", "notifiers/webpush/webpushsim"},
	"rouse/migrations/dbtest":            {},
	"rouse/notifiers/notifiertest":       {},
}

// pure are the packages that know nothing but their arguments; impure is what they may not import,
// those below included.
var (
	pure = map[string][]string{ // with what of others they may import
		"rosters":          {"github.com/teambition/rrule-go", "golang.org/x/text/language"},
		"rosters/ical":     {"github.com/arran4/golang-ical"},
		"rosters/clerk":    {},
		"engine":           {},
		"engine/match":     {"cel.dev/cel-go/cel", "cel.dev/cel-go/common/ast", "cel.dev/cel-go/common/operators", "cel.dev/cel-go/common/types", "cel.dev/cel-go/common/types/ref", "cel.dev/cel-go/common/types/traits", "cel.dev/cel-go/interpreter"},
		"engine/simulator": {},
	}
	impure = []string{"context", "crypto/rand", "database", "io/fs", "io/ioutil", "log", "math/rand", "net", "os", "plugin", "runtime", "syscall", "testing", "unsafe"}
)

// forTests are packages that only tests import: they have nobody to pass the environment in.
var forTests = []string{"migrations/dbtest", "notifiers/notifiertest"}

// clocks are the names of package time that read a clock, start a timer or ask for the machine's zone;
// environment are those that read the environment.
var (
	clocks      = map[string][]string{"time": {"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Sleep", "Local"}}
	environment = map[string][]string{
		"os":       {"Getenv", "LookupEnv", "Environ", "ExpandEnv"},
		"syscall":  {"Getenv", "Environ"},
		"net/http": {"ProxyFromEnvironment", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"},
	}
)

func TestEveryPackageKeepsToItsLayer(t *testing.T) {
	for _, f := range sources(t) {
		for _, trouble := range f.breaches() {
			t.Error(trouble)
		}
	}
}

func TestABreachIsNoticed(t *testing.T) {
	for _, test := range []struct{ file, code, says string }{
		{"engine/x.go", `import "rouse/notifiers"`, "must not import rouse/notifiers"},
		{"rosters/x.go", `import "rouse/engine"`, "must not import rouse/engine"},
		{"engine/pager/x.go", `import "rouse/api"`, "must not import rouse/api"},
		{"notifiers/sms/x.go", `import "rouse/notifiers/twilio"`, "must not import rouse/notifiers/twilio"},
		{"notifiers/sms/x.go", `import "github.com/twilio/twilio-go/client"`, "is for [notifiers/twilio]"},
		{"api/x.go", `import "github.com/riverqueue/river"`, "is for [engine/pager migrations]"},
		{"api/x.go", `import "rouse/migrations"`, "is for"},
		{"util/x.go", ``, "has no line in the table"},
		{"engine/x.go", `import "log/slog"`, "is pure and must not import log/slog"},
		{"engine/x.go", `import "github.com/google/uuid"`, "is pure and must not import"},
		{"rosters/x.go", "import \"time\"\nvar x = time.Now()", "must not use time.Now"},
		{"rosters/x.go", "import clock \"time\"\nvar now = clock.Now", "must not use time.Now"},
		{"rosters/x.go", `import . "time"`, "must not use import . time"},
		{"engine/enginedb/x.go", "import \"os\"\nvar x = os.Getenv(\"X\")", "os.Getenv reads the environment"},
		{"engine/enginedb/x.go", "import \"net/http\"\nvar x = http.DefaultClient", "http.DefaultClient reads the environment"},
		{"engine/enginedb/x.go", "import \"rouse/rosters\"\nimport \"time\"\nvar x = time.Now", ""},
		{"cmd/rouse/x.go", "import \"os\"\nvar x = os.Environ()", ""},
	} {
		f, err := newSource(test.file, "package x\n"+test.code)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(f.breaches(), "\n")
		if test.says == "" && got != "" || !strings.Contains(got, test.says) {
			t.Errorf("%s with %s: got %q", test.file, test.code, got)
		}
	}
}

// breaches are what the file does against the tables above.
func (s source) breaches() (all []string) {
	breach := func(format string, args ...any) {
		all = append(all, fmt.Sprintf(s.name+": "+format, args...))
	}
	allowed, known := layerOf(s.pkg)
	if !known {
		breach("package %s has no line in the table; DESIGN §3 says what belongs where", s.pkg)
	}
	others, isPure := pure[s.pkg]
	for _, imported := range s.imports {
		if ours, ok := strings.CutPrefix(imported, "rouse/"); ok && !matchesAny(ours, allowed) {
			breach("%s must not import %s", s.pkg, imported)
		}
		for owned, owners := range reserved {
			if within(imported, owned) && !slices.ContainsFunc(owners, func(o string) bool { return within(s.pkg, o) }) {
				breach("%s must not import %s, which is for %s", s.pkg, imported, owners)
			}
		}
		foreign := strings.Contains(imported, ".") && !slices.Contains(others, imported)
		if isPure && (foreign || slices.ContainsFunc(impure, func(bad string) bool { return within(imported, bad) })) {
			breach("%s is pure and must not import %s", s.pkg, imported)
		}
	}
	if isPure {
		for _, use := range s.uses(clocks) {
			breach("%s is pure and must not use %s", s.pkg, use)
		}
	}
	if s.pkg != "cmd/rouse" && !slices.Contains(forTests, s.pkg) {
		for _, use := range s.uses(environment) {
			breach("%s reads the environment; have the value passed in", use)
		}
	}
	return all
}

// source is one Go file that is no test.
type source struct {
	name, pkg string // both relative to the module
	imports   []string
	file      *ast.File
}

// newSource parses a file; code is nil to have it read.
func newSource(name string, code any) (s source, err error) {
	s = source{name: filepath.ToSlash(name), pkg: path.Dir(filepath.ToSlash(name))}
	if s.file, err = parser.ParseFile(token.NewFileSet(), filepath.Join(module, name), code, parser.SkipObjectResolution); err != nil {
		return s, err
	}
	for _, spec := range s.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return s, err
		}
		s.imports = append(s.imports, imported)
	}
	return s, nil
}

// module is where the module lies, seen from here.
var module = filepath.Join("..", "..")

// sources parses every file of the module, also those for other systems, which go list leaves out.
func sources(t *testing.T) (all []source) {
	t.Helper()
	err := filepath.WalkDir(module, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != module && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		relative, err := filepath.Rel(module, name)
		if err != nil {
			return err
		}
		s, err := newSource(relative, nil)
		if err != nil {
			t.Logf("left out: %v", err) // the compiler says it better
			return nil
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// uses finds the names of other packages that the file uses although they are forbidden.
func (s source) uses(forbidden map[string][]string) (found []string) {
	called := map[string]string{} // what a package is called in this file -> its path
	for i, spec := range s.file.Imports {
		name := path.Base(s.imports[i])
		if spec.Name != nil {
			name = spec.Name.Name
		}
		called[name] = s.imports[i]
		if _, watched := forbidden[s.imports[i]]; watched && name == "." {
			found = append(found, "import . "+s.imports[i])
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && slices.Contains(forbidden[called[x.Name]], selector.Sel.Name) {
			found = append(found, called[x.Name]+"."+selector.Sel.Name)
		}
		return true
	})
	return found
}

// layerOf finds a package's line: its own, else that of the nearest parent that ends in /*.
func layerOf(pkg string) (allowed []string, known bool) {
	if allowed, known = layers[pkg]; known {
		return allowed, true
	}
	for parent := path.Dir(pkg); parent != "."; parent = path.Dir(parent) {
		if allowed, known = layers[parent+"/*"]; known {
			return allowed, true
		}
	}
	return nil, false
}

func matchesAny(pkg string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if p == "*" || p == pkg {
			return true
		}
		below, ok := strings.CutSuffix(p, "/*")
		return ok && strings.HasPrefix(pkg, below+"/")
	})
}

// within reports whether pkg is parent or lies below it.
func within(pkg, parent string) bool { return pkg == parent || strings.HasPrefix(pkg, parent+"/") }
