package match

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// zonesOf says which of the zones that an expression spells out is none: it would fail whenever it is asked.
func zonesOf(a *ast.AST) (err error) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		check, zone := zoneOf(e)
		if check == nil || err != nil {
			return
		}
		if wrong := check(zone); wrong != nil {
			at := a.SourceInfo().GetStartLocation(e.AsCall().Args()[0].ID())
			err = fmt.Errorf("line %d, column %d: %w", at.Line(), at.Column()+1, wrong)
		}
	}))
	return err
}

// zoneOf is the zone that an expression spells out for a function of time, and how it is checked; nil if it is no
// such expression.
func zoneOf(e ast.Expr) (check func(string) error, zone string) {
	if e.Kind() != ast.CallKind {
		return nil, ""
	}
	call := e.AsCall()
	if !call.IsMemberFunction() || len(call.Args()) != 1 {
		return nil, ""
	}
	zone, isText := text(call.Args()[0])
	switch name := call.FunctionName(); {
	case !isText:
	case name == "weekday" || name == "clock":
		return checkZone, zone
	case strings.HasPrefix(name, "get"): // CEL's own: getHours and the like
		return checkDistance, zone
	}
	return nil, ""
}

func checkZone(name string) error {
	_, err := location(name)
	return err
}

// checkDistance also takes a distance from UTC, as CEL does.
func checkDistance(zone string) error {
	if !strings.Contains(zone, ":") {
		return checkZone(zone)
	}
	if types.IsError(types.Timestamp{}.Receive("getHours", "timestamp_to_hours_with_tz", []ref.Val{types.String(zone)})) {
		return fmt.Errorf("%q is no distance from UTC; use one such as +02:00, or an IANA name such as Europe/Berlin", zone)
	}
	return nil
}

// asksNow tells whether an expression looks at when the alert came.
func asksNow(e ast.Expr) bool {
	found := false
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) { found = found || e.Kind() == ast.IdentKind && e.AsIdent() == "now" }))
	return found
}
