import ArgumentParser

/// `windlass queries`: what a service asks of its database.
struct QueriesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queries",
    abstract: "Records what a service asks of its database, for rehearsals.",
    discussion: """
      Example: windlass queries capture --database env:BEACON_DB --output queries.json
      Example: windlass rehearse --database env:BEACON_DB --path Migrations/beacon/postgres \
      --queries queries.json
      """,
    subcommands: [QueriesCaptureCommand.self])
}
