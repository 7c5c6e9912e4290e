import Synchronization
import Testing
import WindlassCore
import WindlassWire

/// What feeds, artifacts and probes may rely on when they ask somebody.
package enum HTTPTransportContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any HTTPTransportSubject>

  /// Every clause; each wants a new subject.
  package static let clauses = (replies + limits + redirects + refusals).map { clause in
    Clause(clause.sentence) { subject in
      defer { subject.end() }
      try await clause.check(subject)
    }
  }

  private static let body = Array("{\"serial\": 42}".utf8)

  private static let replies: [Clause] = [
    Clause("every status is a reply, with its headers and its whole body") { subject in
      for status in [200, 404, 418, 500, 503] {
        let said = HTTPResponse(
          status: status, headers: [HTTPHeader("ETag", "\"1\"")], body: body)
        subject.serve("/s", .replies(said))
        let reply = try await subject.send("/s")
        #expect(reply.status == status)
        #expect(reply.body == body)
        #expect(reply.header("etag") == "\"1\"")
        #expect(reply.header("ETAG") == "\"1\"")
        #expect(reply.header("X-None") == nil)
      }
      #expect(subject.received == Array(repeating: "GET /s", count: 5))
    },
    Clause("a sink gets the body, and the reply has none") { subject in
      subject.serve("/b", .replies(HTTPResponse(status: 200, body: body)))
      let sink = Sink()
      let reply = try await subject.transport.stream(
        HTTPRequest(url: subject.url("/b")), limits: .sample
      ) { try sink.take($0) }
      #expect(reply.status == 200)
      #expect(reply.body == [])
      #expect(sink.bytes == body)
    },
    Clause("a sink that throws ends the transfer") { subject in
      subject.serve("/b", .replies(HTTPResponse(status: 200, body: body)))
      let sink = Sink(sizeMax: 0)
      let failed = await #expect(throws: HTTPError.self) {
        try await subject.transport.stream(
          HTTPRequest(url: subject.url("/b")), limits: .sample
        ) { try sink.take($0) }
      }
      #expect(failed?.code == .sinkFailed)
    },
  ]

  private static let limits: [Clause] = [
    Clause("a body of exactly the cap arrives, and one byte more does not") { subject in
      subject.serve("/b", .replies(HTTPResponse(status: 200, body: body)))
      let exact = HTTPLimits.sample { $0.bodySizeMax = Int64(body.count) }
      let reply = try await subject.send("/b", limits: exact)
      #expect(reply.body == body)
      let less = HTTPLimits.sample { $0.bodySizeMax = Int64(body.count) - 1 }
      #expect(await subject.failure(of: subject.url("/b"), limits: less)?.code == .tooLarge)
    },
    Clause("a body without end is cut off at the cap, and a sink gets no more than that") {
      subject in
      subject.serve("/e", .goesOn)
      #expect(await subject.failure(of: subject.url("/e"))?.code == .tooLarge)
      let sink = Sink()
      let failed = await #expect(throws: HTTPError.self) {
        try await subject.transport.stream(
          HTTPRequest(url: subject.url("/e")), limits: .sample
        ) { try sink.take($0) }
      }
      #expect(failed?.code == .tooLarge)
      #expect(Int64(sink.bytes.count) <= HTTPLimits.sample.bodySizeMax)
    },
    Clause("a body shorter than announced is an error wherever it ends") { subject in
      for end in [0, 1, body.count - 1] {
        subject.serve("/t", .breaksOff(HTTPResponse(status: 200, body: body), after: end))
        let failed = await subject.failure(of: subject.url("/t"))
        #expect(failed?.code == .truncated, "cut after \(end) bytes")
      }
    },
    Clause("silence ends at the deadline") { subject in
      subject.serve("/q", .staysSilent)
      let short = HTTPLimits.sample { $0.deadline = .milliseconds(200) }
      #expect(await subject.failure(of: subject.url("/q"), limits: short)?.code == .timedOut)
      #expect(subject.received == ["GET /q"])
    },
    Clause("a deadline in the past sends nothing") { subject in
      subject.serve("/b", .replies(HTTPResponse(status: 200)))
      let past = HTTPLimits.sample { $0.deadline = .milliseconds(-5) }
      #expect(await subject.failure(of: subject.url("/b"), limits: past)?.code == .timedOut)
      #expect(subject.received == [])
    },
    Clause("a task that was cancelled sends nothing") { subject in
      subject.serve("/b", .replies(HTTPResponse(status: 200)))
      let failed = await withTaskGroup(of: HTTPError?.self) { group in
        group.cancelAll()
        group.addTask { await subject.failure(of: subject.url("/b")) }
        return await group.next() ?? nil
      }
      #expect(failed?.code == .cancelled)
      #expect(subject.received == [])
    },
  ]

  private static func found(_ location: String) -> PeerConduct {
    .replies(HTTPResponse(status: 302, headers: [HTTPHeader("Location", location)]))
  }

  private static let redirects: [Clause] = [
    Clause("a redirect is a reply like any other unless it may be followed") { subject in
      subject.serve("/a", found("/b"))
      let reply = try await subject.send("/a")
      #expect(reply.status == 302)
      #expect(reply.header("Location") == "/b")
      #expect(subject.received == ["GET /a"])
    },
    Clause("redirects are followed as often as allowed, and no further") { subject in
      subject.serve("/a", found("/b"))
      subject.serve("/b", found(subject.url("/c")))
      subject.serve("/c", .replies(HTTPResponse(status: 200, body: body)))
      let two = HTTPLimits.sample { $0.redirectsMax = 2 }
      let reply = try await subject.send("/a", limits: two)
      #expect(reply.body == body)
      #expect(subject.received == ["GET /a", "GET /b", "GET /c"])
      let one = HTTPLimits.sample { $0.redirectsMax = 1 }
      let failed = await subject.failure(of: subject.url("/a"), limits: one)
      #expect(failed?.code == .tooManyRedirects)
    },
    Clause("a redirect to anything but HTTP is refused") { subject in
      let limits = HTTPLimits.sample { $0.redirectsMax = 3 }
      for location in ["file:///etc/hostname", "ftp://127.0.0.1/x"] {
        subject.serve("/a", found(location))
        let code = await subject.failure(of: subject.url("/a"), limits: limits)?.code
        #expect(code == .redirectRefused || code == .schemeRefused, "\(location)")
      }
    },
  ]

  private static let refusals: [Clause] = [
    Clause("a URL that can't be meant is refused, and nothing is sent") { subject in
      let urls: [(String, HTTPError.Code)] = [
        ("", .badURL), ("example.org/x", .badURL), ("http://", .badURL),
        ("http://user@127.0.0.1/", .badURL), ("file:///etc/hostname", .schemeRefused),
        ("ftp://127.0.0.1/", .schemeRefused),
      ]
      for (url, code) in urls { #expect(await subject.failure(of: url)?.code == code, "\(url)") }
      #expect(subject.received == [])
    },
    Clause("where nobody listens is an error that names the URL without its query") { subject in
      let failed = await subject.failure(of: subject.deserted + "?token=hunter2")
      #expect(failed?.code == .unreachable)
      #expect(failed?.message.contains(subject.deserted) == true)
      #expect(failed?.message.contains("hunter2") == false)
    },
  ]
}

/// Collects a body, up to a size.
private final class Sink: Sendable {
  private let collected = Mutex<[UInt8]>([])
  private let sizeMax: Int

  /// The sink has had enough.
  struct Full: Error {}

  init(sizeMax: Int = .max) { self.sizeMax = sizeMax }

  var bytes: [UInt8] { collected.withLock { $0 } }

  func take(_ piece: UnsafeRawBufferPointer) throws {
    let size = collected.withLock { collected in
      collected.append(contentsOf: piece)
      return collected.count
    }
    if size > sizeMax { throw Full() }
  }
}
