// Package metrics counts what Postern does, for Prometheus. Label values come from the configuration and the
// rules, never from a mail, and their number is bounded: what comes after the first so many distinct ones is "other".
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// How many distinct values one label may take.
const (
	maxSources   = 50
	maxMailboxes = 200
	maxVerdicts  = 10
	maxRules     = 500
	maxReasons   = 50
	maxRoutes    = 100
)

// Metrics are the counters of one server. It is safe for any number of goroutines.
type Metrics struct {
	registry *prometheus.Registry

	sources, mailboxes, verdicts, rules, reasons, routes *words

	messages     *prometheus.CounterVec
	messageTime  *prometheus.HistogramVec
	messageBytes prometheus.Histogram

	ruleRuns *prometheus.CounterVec
	ruleTime *prometheus.CounterVec

	connections     prometheus.Counter
	connectionsOpen prometheus.Gauge
	refused         *prometheus.CounterVec

	ruleset       *prometheus.GaugeVec
	rulesetFailed prometheus.Gauge

	requests    *prometheus.CounterVec
	requestTime *prometheus.HistogramVec
}

// New makes the counters, with those of the Go runtime and the process, in a registry of their own.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		sources:  newWords(maxSources), mailboxes: newWords(maxMailboxes), verdicts: newWords(maxVerdicts),
		rules: newWords(maxRules), reasons: newWords(maxReasons), routes: newWords(maxRoutes),

		messages: counters("postern_messages_total", "Messages by what became of them; one mail to two mailboxes is two.",
			"source", "mailbox", "verdict"),
		messageTime: histograms("postern_message_seconds", "Time from the end of a mail to its answer.",
			prometheus.ExponentialBuckets(0.0005, 2, 16), "source", "verdict"),
		messageBytes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "postern_message_bytes", Help: "Size of raw mail.", Buckets: prometheus.ExponentialBuckets(1<<10, 4, 9),
		}),

		ruleRuns: counters("postern_rule_runs_total", "Rules that were tried, by result: matched, unmatched or failed.",
			"rule", "result"),
		ruleTime: counters("postern_rule_seconds_total", "Time that rules took.", "rule"),

		connections: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postern_smtp_connections_total", Help: "SMTP and LMTP connections accepted.",
		}),
		connectionsOpen: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postern_smtp_connections_open", Help: "SMTP and LMTP connections that are open now.",
		}),
		refused: counters("postern_refused_total", "Connections, commands and recipients refused before a mail's end.", "reason"),

		ruleset: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "postern_ruleset_info", Help: "1 for the version of the rule set that decides now.",
		}, []string{"version"}),
		rulesetFailed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postern_ruleset_failed", Help: "1 while the rules as they lie there cannot be published and the last good set stays live.",
		}),

		requests:    counters("postern_http_requests_total", "HTTP requests by route and status.", "method", "route", "status"),
		requestTime: histograms("postern_http_request_seconds", "Time that HTTP requests took.", prometheus.DefBuckets, "route"),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.messages, m.messageTime, m.messageBytes, m.ruleRuns, m.ruleTime,
		m.connections, m.connectionsOpen, m.refused, m.ruleset, m.rulesetFailed, m.requests, m.requestTime,
	)
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// Handler gives the counters out in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Register adds a part's own collectors, a store's sizes for instance.
func (m *Metrics) Register(c ...prometheus.Collector) error {
	for _, one := range c {
		if err := m.registry.Register(one); err != nil {
			return err
		}
	}
	return nil
}

// Message counts what became of one mail in one mailbox.
func (m *Metrics) Message(source, mailbox, verdict string, took time.Duration, bytes int64) {
	source, verdict = m.sources.bound(source), m.verdicts.bound(verdict)
	m.messages.WithLabelValues(source, m.mailboxes.bound(mailbox), verdict).Inc()
	m.messageTime.WithLabelValues(source, verdict).Observe(took.Seconds())
	m.messageBytes.Observe(float64(bytes))
}

// Rule counts one rule's evaluation on one message.
func (m *Metrics) Rule(name string, matched, failed bool, took time.Duration) {
	name = m.rules.bound(name)
	result := "unmatched"
	switch {
	case failed:
		result = "failed"
	case matched:
		result = "matched"
	}
	m.ruleRuns.WithLabelValues(name, result).Inc()
	m.ruleTime.WithLabelValues(name).Add(took.Seconds())
}

// Connected counts an SMTP or LMTP connection, Disconnected its end.
func (m *Metrics) Connected() {
	m.connections.Inc()
	m.connectionsOpen.Inc()
}

// Disconnected is called once for each Connected.
func (m *Metrics) Disconnected() { m.connectionsOpen.Dec() }

// Refused counts a refusal before a mail's end. The reason is one of a few fixed words: "unknown recipient", "rate", …
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(m.reasons.bound(reason)).Inc() }

// Ruleset says which rule set decides now, and whether a newer one could not be published.
func (m *Metrics) Ruleset(version string, failed bool) {
	m.ruleset.Reset()
	m.ruleset.WithLabelValues(clean(version)).Set(1)
	m.rulesetFailed.Set(0)
	if failed {
		m.rulesetFailed.Set(1)
	}
}

// Request counts an HTTP request. Route is the route's pattern, "" where none matched.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default: // any token is a method (RFC 9110 section 9.1)
		method = other
	}
	route = m.routes.bound(route)
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.requestTime.WithLabelValues(route).Observe(took.Seconds())
}
