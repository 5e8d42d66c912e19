// Package metrics counts what Postern does, for Prometheus. Label values come from the configuration and the
// rules, never from a mail, and their number is bounded: what comes after the first so many distinct ones is "other".
package metrics

import (
	"net/http"
	"strconv"
	"sync"
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
	ruleLast *prometheus.GaugeVec
	perRule  sync.Map // of *ruleCounters by name, since a message counts many rules

	connections     prometheus.Counter
	connectionsOpen prometheus.Gauge
	refused         *prometheus.CounterVec

	hookRequests, hookBytes *prometheus.CounterVec

	fetched, parked, pollFailed *prometheus.CounterVec
	lag                         *prometheus.HistogramVec

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
		ruleLast: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "postern_rule_last_match_timestamp_seconds", Help: "When a rule matched last on this node, since its start; 0: not yet.",
		}, []string{"rule"}),

		connections: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postern_smtp_connections_total", Help: "SMTP and LMTP connections accepted.",
		}),
		connectionsOpen: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postern_smtp_connections_open", Help: "SMTP and LMTP connections that are open now.",
		}),
		refused: counters("postern_refused_total", "Connections, commands and recipients refused before a mail's end.", "reason"),

		hookRequests: counters("postern_webhook_requests_total", "Webhook requests by hook and by what became of them; hook none: for no hook that there is.", "hook", "result"),
		hookBytes:    counters("postern_webhook_bytes_total", "Bytes of webhook requests.", "hook"),

		fetched:    counters("postern_fetched_total", "Mails that were fetched from a source, by what became of them.", "source", "verdict"),
		parked:     counters("postern_parked_total", "Mails of a source that were put aside.", "source"),
		pollFailed: counters("postern_poll_errors_total", "Polls of a source that failed.", "source"),
		lag: histograms("postern_source_lag_seconds", "Time from a mail's arrival at its server, or provider, to the commit here.",
			[]float64{0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 6 * 3600, 24 * 3600}, "source"),

		requests:    counters("postern_http_requests_total", "HTTP requests by route and status.", "method", "route", "status"),
		requestTime: histograms("postern_http_request_seconds", "Time that HTTP requests took.", prometheus.DefBuckets, "route"),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.messages, m.messageTime, m.messageBytes, m.ruleRuns, m.ruleTime, m.ruleLast,
		m.connections, m.connectionsOpen, m.refused, m.hookRequests, m.hookBytes, m.requests, m.requestTime, m.fetched, m.parked, m.pollFailed, m.lag,
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

// ruleCounters are the counters of one rule.
type ruleCounters struct {
	matched, unmatched, failed, seconds prometheus.Counter
	last                                prometheus.Gauge
}

// Rule counts one rule's evaluation on one message.
func (m *Metrics) Rule(name string, matched, failed bool, took time.Duration) {
	c := m.rule(name)
	c.seconds.Add(took.Seconds())
	switch {
	case failed:
		c.failed.Inc()
	case matched:
		c.matched.Inc()
		c.last.SetToCurrentTime()
	default:
		c.unmatched.Inc()
	}
}

func (m *Metrics) rule(name string) *ruleCounters {
	if c, ok := m.perRule.Load(name); ok {
		return c.(*ruleCounters)
	}
	label := m.rules.bound(name)
	c := &ruleCounters{
		m.ruleRuns.WithLabelValues(label, "matched"), m.ruleRuns.WithLabelValues(label, "unmatched"), m.ruleRuns.WithLabelValues(label, "failed"),
		m.ruleTime.WithLabelValues(label), m.ruleLast.WithLabelValues(label),
	}
	if label == name { // so there are at most maxRules
		m.perRule.Store(name, c)
	}
	return c
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

// Webhook counts a request of a hook. The result is one of a few fixed words.
func (m *Metrics) Webhook(hook, result string, bytes int64) {
	hook = m.sources.bound(hook)
	m.hookRequests.WithLabelValues(hook, m.reasons.bound(result)).Inc()
	m.hookBytes.WithLabelValues(hook).Add(float64(bytes))
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
