// Package match reads the conditions of routing rules and of maintenances, which are CEL expressions
// (Common Expression Language, https://cel.dev) over what is known of an alert:
//
//	service       string     whose trouble it is so far, "" if unknown
//	team          string     that owns the service, "" if none
//	severity      int        1, 2 or 3
//	word          string     the sender's own word for the severity
//	summary       string
//	details       string
//	source        string     the dialect it came in: "alertmanager", "pagerduty", …
//	key           string     the dedup key
//	labels        map        of the sender; a label that is not there is "", and "name" in labels tells
//	now           timestamp  when the alert came
//
// Besides what CEL has there is now.weekday(zone), "mon" to "sun", and now.clock(zone), "08:30", for the
// time of the week:
//
//	labels.cluster == "prod" && severity <= 2
//	summary.contains("disk") || labels.alertname.startsWith("Disk")
//	now.weekday("Europe/Berlin") in ["sat", "sun"] || now.clock("Europe/Berlin") >= "18:00"
//
// An expression is checked when it is read, with the zones that it names, may cost no more than a bounded
// number of steps, and has no effect. That of a maintenance knows no now: see Timeless.
package match

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"rouse/engine"
)

// The limits of an expression.
const (
	maxLength = 4000  // bytes
	maxCost   = 20000 // steps of one evaluation, as CEL counts them: about a millisecond
	maxNested = 50    // parentheses within parentheses
)

// Condition is an expression that was read. It may be asked by many goroutines at once.
type Condition struct {
	program cel.Program
	needs   []need
	timed   bool // it looks at now
}

var _ engine.Condition = (*Condition)(nil)

// environment is made when the first expression is read: whoever has no rules does not pay for it.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("service", cel.StringType),
		cel.Variable("team", cel.StringType),
		cel.Variable("severity", cel.IntType),
		cel.Variable("word", cel.StringType),
		cel.Variable("summary", cel.StringType),
		cel.Variable("details", cel.StringType),
		cel.Variable("source", cel.StringType),
		cel.Variable("key", cel.StringType),
		cel.Variable("labels", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("now", cel.TimestampType),
		timeFunction("weekday", func(t time.Time) string { return strings.ToLower(t.Weekday().String()[:3]) }),
		timeFunction("clock", func(t time.Time) string { return t.Format("15:04") }),
		cel.ParserRecursionLimit(maxNested),
		cel.ParserExpressionSizeLimit(maxLength),
		cel.ClearMacros(), cel.Macros(cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro),
	)
})

// timeFunction is now.name(zone).
func timeFunction(name string, f func(time.Time) string) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload("timestamp_"+name+"_zone", []*cel.Type{cel.TimestampType, cel.StringType}, cel.StringType,
		cel.BinaryBinding(func(at, zone ref.Val) ref.Val {
			t, ok := at.(types.Timestamp)
			name, isText := zone.Value().(string)
			if !ok || !isText {
				return types.NewErr("needs a timestamp and the name of a zone")
			}
			loc, err := location(name)
			if err != nil {
				return types.NewErr("%v", err)
			}
			return types.String(f(t.Time.In(loc)))
		})))
}

// zones are those that were asked for: reading one takes longer than all the rest.
var zones sync.Map

func location(name string) (*time.Location, error) {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil
	}
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is no time zone; use an IANA name such as Europe/Berlin", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no time zone; use an IANA name such as Europe/Berlin", name)
	}
	zones.Store(name, loc)
	return loc, nil
}

// Read checks an expression and makes it ready. The error says where it is wrong, for whoever wrote it.
func Read(expression string) (*Condition, error) {
	if len(expression) > maxLength {
		return nil, fmt.Errorf("is %d bytes long, the limit is %d", len(expression), maxLength)
	}
	if strings.TrimSpace(expression) == "" {
		return nil, errors.New(`is empty; say what has to be true, such as labels.cluster == "prod", or true for all`)
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("CEL cannot be used: %w", err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, errors.New(explain(issues))
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("gives %s; it has to give true or false", t)
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	root := ast.NativeRep().Expr()
	if err := zonesOf(ast.NativeRep()); err != nil {
		return nil, err
	}
	if loops(root) { // without a loop an expression costs no more than its length and the texts it looks at; counting steps costs as much again
		options = append(options, cel.CostLimit(maxCost))
	}
	program, err := env.Program(ast, options...)
	if err != nil {
		return nil, fmt.Errorf("cannot be made ready: %w", err)
	}
	return &Condition{program: program, needs: needsOf(root), timed: asksNow(root)}, nil
}

// Timeless reads the expression of a maintenance. It says which alerts the maintenance is about; when it takes
// place is said by its span, since whoever waits for the end of that is not asked again at another time.
func Timeless(expression string) (*Condition, error) {
	c, err := Read(expression)
	if err == nil && c.timed {
		return nil, errors.New("looks at now; a maintenance that comes at certain times is a recurring one: give again, with a rule such as FREQ=WEEKLY;BYDAY=SA, a start and a length")
	}
	return c, err
}

// explain is the first thing that is wrong, and where.
func explain(issues *cel.Issues) string {
	all := issues.Errors()
	if len(all) == 0 {
		return "is not an expression"
	}
	e := all[0]
	return fmt.Sprintf("line %d, column %d: %s", e.Location.Line(), e.Location.Column()+1, e.Message)
}

// Holds reports whether the expression is true of the facts.
func (c *Condition) Holds(f *engine.Facts) (bool, error) {
	for _, n := range c.needs {
		if !n.met(f) {
			return false, nil
		}
	}
	asked, ok := f.Prepared.(*activation)
	if !ok {
		asked = newActivation(f)
		f.Prepared = asked
	}
	out, _, err := c.program.Eval(asked)
	if err != nil {
		return false, err
	}
	holds, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("gives %v, which is neither true nor false", out.Type())
	}
	return holds, nil
}
