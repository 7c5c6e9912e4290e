import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// From the bytes of a stream to events.
struct WatchStreamTests {
  private func line(_ type: String, _ name: String, _ version: String) -> String {
    let object: JSONValue = [
      "metadata": [
        "name": .string(name), "uid": .string("u-\(name)"), "resourceVersion": .string(version),
      ]
    ]
    return JSONValue.object([
      JSONMember("type", .string(type)), JSONMember("object", object),
    ]).text + "\n"
  }

  private func watch(
    _ body: String, status: Int = 200, headers: [HTTPHeader] = []
  ) async throws -> ([KubernetesFleet.WatchEvent], WatchEnd, HTTPRequest) {
    let world = try ScriptedWorld([
      .answer(HTTPResponse(status: status, headers: headers, body: Array(body.utf8)))
    ])
    var events: [KubernetesFleet.WatchEvent] = []
    let end = await world.client.watch(
      Selection(.pods, in: "shop"), from: .after(resourceVersion: "5"), lasting: .minutes(5)
    ) { events.append($0) }
    return (events, end, world.transport.requests[0])
  }

  @Test func `lines come whole, however they were cut`() {
    let text = Array("{\"a\":1}\n\n{\"b\":2}\r\n\r\nrest".utf8)
    for size in 1...text.count {
      var cutter = WatchLines()
      var lines: [String] = []
      for start in stride(from: 0, to: text.count, by: size) {
        let piece = text[start..<min(start + size, text.count)]
        lines += (cutter.take(piece) ?? []).map { String(decoding: $0, as: UTF8.self) }
      }
      #expect(lines == ["{\"a\":1}", "{\"b\":2}\r"], "pieces of \(size)")
      #expect(cutter.remainder == Array("rest".utf8))
    }
  }

  @Test func `a line without an end is not kept for ever`() {
    var cutter = WatchLines(sizeMax: 10)
    #expect(cutter.take(Array("12345".utf8)) == [])
    #expect(cutter.take(Array("678901".utf8)) == nil)
  }

  @Test func `events come in order, and the stream's end is no failure`() async throws {
    let (events, end, request) = try await watch(
      line("ADDED", "a", "6") + line("MODIFIED", "a", "7") + line("DELETED", "a", "8")
        + #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"# + "\n")
    #expect(end == .finished)
    #expect(events.count == 4)
    guard case .deleted(let object) = events[2] else { return #expect(Bool(false)) }
    #expect(object.resourceVersion == "8")
    #expect(events[3] == .bookmark(resourceVersion: "9", endsInitialEvents: false))
    #expect(
      request.url.hasSuffix(
        "/pods?allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=300&watch=true"))
  }

  @Test func `half an event ends the watch as broken, and what came before counts`() async throws {
    let half = String(line("MODIFIED", "a", "7").dropLast(9))
    let (events, end, _) = try await watch(line("ADDED", "a", "6") + half)
    #expect(events.count == 1)
    guard case .broken(let error) = end else { return #expect(Bool(false)) }
    #expect(error.code == .noAnswer)
  }

  @Test func `a lost history is told in the stream`() async throws {
    let body =
      #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"old"}}"#
    let (events, end, _) = try await watch(body + "\n" + line("ADDED", "a", "6"))
    #expect(events.isEmpty)
    guard case .broken(let error) = end else { return #expect(Bool(false)) }
    #expect(error.code == .expired)
  }

  @Test(arguments: ["", "\n"])
  func `a refusal in place of a watch keeps its code and its wish`(ending: String) async throws {
    let body =
      #"{"kind":"Status","status":"Failure","code":403,"reason":"Forbidden","message":"no"}"#
    let (events, end, _) = try await watch(
      body + ending, status: 403, headers: [HTTPHeader("Retry-After", "4")])
    #expect(events.isEmpty)
    guard case .broken(let error) = end else { return #expect(Bool(false)) }
    #expect(error.code == .forbidden)
    #expect(error.retryAfter == .seconds(4))
  }

  @Test(arguments: [
    "no JSON", #"{"type":"ADDED"}"#, #"{"type":"ADDED","object":{"metadata":{"name":"a"}}}"#,
    #"{"type":"BOOKMARK","object":{"metadata":{}}}"#, #"{"type":"SURPRISE","object":{}}"#,
  ])
  func `a line that is no event ends the watch as broken`(text: String) async throws {
    let (events, end, _) = try await watch(text + "\n" + line("ADDED", "a", "6"))
    #expect(events.isEmpty)
    guard case .broken(let error) = end else { return #expect(Bool(false)) }
    #expect(error.code == .malformedAnswer)
  }
}
