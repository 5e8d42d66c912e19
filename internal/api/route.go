package api

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/labstack/echo/v4"
)

// A route is one line of the table from which the server, the checks and the OpenAPI document are made.
type route struct {
	method  string
	path    string // "/api/v1/issues/{number}"
	name    string // operationId
	does    string // one sentence
	scopes  []string
	query   []param
	body    *content
	answers []answer
	faults  []int // statuses of problems beyond those that any route may answer
	handle  func(*call) error
}

// content is a body's media type, with its Go type where it is JSON.
type content struct {
	media string
	typ   reflect.Type // nil: bytes
}

type answer struct {
	status int
	means  string
	content
}

func jsonOf[T any]() content { return content{"application/json", reflect.TypeFor[T]()} }

// open reports whether a route asks for no token.
func (rt *route) open() bool { return rt.scopes == nil }

// changes reports whether the route changes anything.
func (rt *route) changes() bool { return rt.method != http.MethodGet }

// pathParams are the names in braces.
func (rt *route) pathParams() []string {
	var names []string
	for seg := range strings.SplitSeq(rt.path, "/") {
		if n, ok := strings.CutPrefix(seg, "{"); ok {
			names = append(names, strings.TrimSuffix(n, "}"))
		}
	}
	return names
}

// A call is one request on its way through a route.
type call struct {
	echo.Context
	route *route
	query values
	who   caller
	id    string // the request's, for the log
}

// param returns a segment of the path by its name in the table.
func (c *call) param(name string) string { return c.Param(name) }

func (a *API) register(rt *route) {
	path := strings.NewReplacer("{", ":", "}", "").Replace(rt.path)
	serve := func(ec echo.Context) error {
		who, err := a.authorize(ec, rt)
		if err != nil {
			return err
		}
		info := infoOf(ec)
		info.actor = who.actor
		q, err := parseQuery(ec.Request().URL.RawQuery, rt.query)
		if err != nil {
			return err
		}
		return rt.handle(&call{ec, rt, q, who, info.id})
	}
	a.echo.Add(rt.method, path, serve)
	if rt.method == http.MethodGet { // net/http leaves the body of an answer to HEAD out
		a.echo.Add(http.MethodHead, path, serve)
	}
}
