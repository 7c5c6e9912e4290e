/// Which server answers in PostgreSQL's protocol.
package enum PostgresDialect: String, Hashable, Sendable {
  case postgres, cockroachdb

  /// The engine's name in a manifest, which is also its URL's scheme.
  package var engine: String { rawValue }

  /// The engine's name for a person.
  package var name: String { self == .postgres ? "PostgreSQL" : "CockroachDB" }
}
