import ArgumentParser
import WindlassCore
import WindlassProof
import WindlassWire

/// `windlass rehearse`: the proof by itself, without a daemon, a manifest or a change of anything.
struct RehearseCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "rehearse",
    abstract: "Proves pending migrations on a copy of the database, with the servers that use it.",
    discussion: """
      Takes a backup, restores it into a copy, applies the pending migrations of a directory there, \
      and compares the catalogues. With --old-command the server that runs today is put to its \
      probes before and after; with --new-command the next one as well, and then the old one again \
      on what the new one wrote. With --queries every statement of a file is prepared before the \
      migrations and after: one that fails only after is named with the error, and makes them \
      unsafe. The database itself is only read; on PostgreSQL, MySQL and MariaDB the \
      copy is a scratch database on its server, which goes when the rehearsal ends.

      Servers are started without a network but loopback, with the copy's URL in the variable that \
      --database-variable names, and have to accept an inherited socket (LISTEN_FDS). Probes are a \
      JSON array, written as in a release manifest.

      Exits 0 when the migrations are safe, 3 when they are unsafe, 4 when nothing was shown.

      Example: windlass rehearse --database sqlite:///var/lib/beacon/beacon.db \
      --path Migrations/beacon/sqlite --old-command '/usr/bin/beacon serve --release 1.0.0' \
      --database-variable BEACON_DB --probes probes.json
      Example: windlass rehearse --database env:BEACON_DB --path Migrations/beacon/postgres \
      --queries queries.json
      """)

  @OptionGroup var subject: RehearsalSubject
  @OptionGroup var cast: RehearsalCast
  @OptionGroup var terms: RehearsalTerms
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let bench = try RehearsalBench(subject, cast, terms)
    output.progress("rehearsing on a copy below ", .strong(bench.directory.path))
    let outcome = try await Self.endingOnSignal { try await bench.rehearse() }
    let report = outcome.report
    output.object(report.json)
    output.line(Self.headline(outcome.verdict))
    for line in outcome.verdict.evidence { output.line("  ", Span(line)) }
    return switch outcome.verdict.judgement {
    case .safe: .done
    case .unsafe: .unsafe
    case .unknown: .unknown
    }
  }

  private static func headline(_ verdict: Verdict) -> [Span] {
    let checks = "\(verdict.checks) check\(verdict.checks == 1 ? "" : "s")"
    let lock = "; the longest lock was held for \(verdict.holdForecast)"
    return switch verdict.judgement {
    case .safe: [.good("safe"), Span(" after \(checks)\(lock)")]
    case .unsafe: [.bad("unsafe"), Span(" after \(checks)\(lock)")]
    case .unknown: [.warning("unknown"), Span(" after \(checks)\(lock)")]
    }
  }
}
