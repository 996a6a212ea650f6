package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
)

// The limits of a mapping. What an expression may cost is deterministic, so that a payload is read today as it
// was yesterday; the time is only there for what steps do not count.
const (
	maxExpression = 4000    // bytes
	maxNested     = 50      // parentheses within parentheses
	maxSteps      = 100_000 // of one expression, as CEL counts them: about 6 ms
	maxMappings   = 200     // that are kept ready
)

// mappedFields are the fields that a mapping may give, in the order in which they are worked out.
var mappedFields = []string{"summary", "severity", "service", "dedup_key", "action", "details", "labels", "links", "key", "by", "at"}

// mapping says where in a payload of a user's own the fields of an alert are: for each field a CEL expression
// (Common Expression Language, https://cel.dev) over
//
//	body     the payload: parsed JSON, a form as a map, or a text; of a request without one the parameters
//	headers  map of texts, their names in lower case
//	query    map of texts: the parameters of the address
//	item     the element that the alert is made of, where there is each
//
// The expression each, if there is one, gives a list: each of its elements becomes an alert, those of lists
// within it as well. Without it the payload is one alert. What is null is as if it had not been said.
//
//	{"mapping": {
//	    "each":      "body.alerts.filter(a, a.muted != true)",
//	    "summary":   "item.name + ' on ' + item.host",
//	    "severity":  "item.?level.orValue('error')",
//	    "dedup_key": "'billing/' + string(item.id)",
//	    "action":    "item.state == 'ok' ? 'resolve' : 'trigger'",
//	    "labels":    "item.tags"}}
//
// Beside the functions and macros of CEL itself, and its optional values, there are those that mappingFunctions
// lists. Expressions are checked when the settings of a key are saved. A whole number of the payload is an int,
// any other a double.
type mapping struct {
	each   cel.Program // nil: the payload is one alert
	fields []mappedField

	// broken says why the mapping cannot be used at all, "" if it can: it may have been saved by a version
	// that knew more.
	broken string
}

// mappedField is the expression of a field.
type mappedField struct {
	name    string
	program cel.Program
}

func checkWebhook(settings json.RawMessage) error {
	_, err := readMapping(settings)
	return err
}

// readMapping reads the settings of a key of the dialect webhook. The mapping is nil if they have none.
func readMapping(settings json.RawMessage) (*mapping, error) {
	f := newSettingsForm(settings, "mapping")
	v := f.fields["mapping"]
	if v == nil {
		return nil, f.err()
	}
	object, ok := v.(map[string]any)
	if !ok {
		f.refuse("/mapping", textOf(v), `must be an object of expressions, such as {"summary": "body.title"}`)
		return nil, f.err()
	}
	_, each := object["each"]
	m := &mapping{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if name != "each" && !slices.Contains(mappedFields, name) {
			f.refuse(settingsPointer("mapping", name), textOf(object[name]), "is not known; use each, %s", strings.Join(mappedFields, ", "))
			continue
		}
		text, ok := object[name].(string)
		if !ok {
			f.refuse(settingsPointer("mapping", name), textOf(object[name]), `must be a CEL expression in a text, such as "body.title"`)
			continue
		}
		program, err := readExpression(text, each && name != "each", name == "each")
		if err != nil {
			f.refuse(settingsPointer("mapping", name), text, "%v", err)
		} else if name == "each" {
			m.each = program
		} else {
			m.fields = append(m.fields, mappedField{name, program})
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	slices.SortFunc(m.fields, func(a, b mappedField) int {
		return slices.Index(mappedFields, a.name) - slices.Index(mappedFields, b.name)
	})
	return m, nil
}

// mappings keeps those ready that are in use: making one ready takes longer than using it. Its zero value is
// ready for use.
type mappings struct {
	mu    sync.Mutex
	known map[string]*mapping // by settings
}

// of is the mapping in the settings of a key, nil if they have none.
func (ms *mappings) of(settings json.RawMessage) *mapping {
	if len(settings) == 0 {
		return nil
	}
	ms.mu.Lock()
	m, known := ms.known[string(settings)]
	ms.mu.Unlock()
	if known {
		return m
	}
	m, err := readMapping(settings)
	if err != nil {
		m = &mapping{broken: err.Error()}
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.known == nil || len(ms.known) >= maxMappings {
		ms.known = map[string]*mapping{}
	}
	ms.known[string(settings)] = m
	return m
}

// environments are those of expressions without and with an item. They are made when the first expression is
// read: whoever has no mapping does not pay for them.
var environments = sync.OnceValues(func() (e struct{ whole, each *cel.Env }, err error) {
	if e.whole, err = newEnvironment(); err == nil {
		e.each, err = e.whole.Extend(cel.Variable("item", cel.DynType))
	}
	return e, err
})

// readExpression checks an expression and makes it ready. The error says where it is wrong, for whoever wrote it.
func readExpression(text string, hasItem, givesList bool) (cel.Program, error) {
	if len(text) > maxExpression {
		return nil, fmt.Errorf("is %d bytes long, the limit is %d", len(text), maxExpression)
	}
	if strings.TrimSpace(text) == "" {
		return nil, errors.New(`is empty; leave the field out, or give an expression such as "body.title"`)
	}
	e, err := environments()
	if err != nil {
		return nil, fmt.Errorf("CEL cannot be used: %w", err)
	}
	env := e.whole
	if hasItem {
		env = e.each
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, errors.New(explainIssues(issues, hasItem))
	}
	if kind := ast.OutputType().Kind(); givesList && kind != cel.ListKind && kind != cel.DynKind {
		return nil, fmt.Errorf("gives %s; it has to give a list", ast.OutputType())
	}
	if err := checkPatterns(ast); err != nil {
		return nil, err
	}
	// Not optimised: that would put CEL's own matches back, which looks at all of a text.
	program, err := env.Program(ast, cel.CostLimit(maxSteps), cel.CostTracking(textCosts{}),
		cel.InterruptCheckFrequency(1))
	if err != nil {
		return nil, fmt.Errorf("cannot be made ready: %w", err)
	}
	return program, nil
}

// explainIssues is the first thing that is wrong with an expression, and where.
func explainIssues(issues *cel.Issues, hasItem bool) string {
	all := issues.Errors()
	if len(all) == 0 {
		return "is not an expression"
	}
	e := all[0]
	text := fmt.Sprintf("line %d, column %d: %s", e.Location.Line(), e.Location.Column()+1, e.Message)
	if !hasItem && strings.Contains(e.Message, "undeclared reference to 'item'") {
		text += "; item is there only with each, and not in each itself"
	}
	return text
}
