import CCurl
import Glibc
import WindlassCore
import WindlassWire

/// One request under way, over all its hops; lives on the transport's thread alone.
///
/// libcurl's callbacks end up in its methods. They never throw: they note the failure and tell
/// libcurl to stop.
final class Transfer {
  /// What was asked for.
  let order: TransferOrder
  /// The request of the present hop.
  private(set) var request: HTTPRequest
  /// Where the present hop goes.
  private(set) var url: RequestURL
  /// libcurl's handle of the present hop; nil while the transfer waits.
  var easy: EasyHandle?
  /// Why we stopped the hop ourselves.
  private(set) var failure: HTTPError?
  /// Whether an address of the present hop was refused.
  private(set) var refusedAddress = false
  /// Whether the asking task has its answer.
  private(set) var isFinished = false

  private var hopsDone = 0
  private var rule: AddressRule
  private var connectedClass: AddressClass?
  private var head = ReplyHead()
  private var body: [UInt8] = []
  /// Bytes of the bodies of all hops.
  private var bodySize: Int64 = 0

  /// Makes a transfer that stands before its first hop.
  init(_ order: TransferOrder) {
    self.order = order
    request = order.request
    url = order.url
    rule = AddressRule(reach: order.limits.reach)
  }

  /// The reply as far as it has arrived.
  var reply: HTTPResponse {
    HTTPResponse(status: head.status, headers: head.headers, body: body)
  }

  /// Whether the status line of the present hop has arrived.
  var hasStatus: Bool { head.status != 0 }

  /// Whether all headers of the present hop have arrived.
  var hasHeaders: Bool { head.isComplete }

  /// Answers the asking task, once.
  func finish(_ result: Result<HTTPResponse, HTTPError>) {
    guard !isFinished else { return }
    isFinished = true
    order.finish(result)
  }

  /// Turns to the next hop if the complete reply asks for one; false when it is the answer.
  func followRedirect() throws(HTTPError) -> Bool {
    guard
      let next = try RedirectRule.next(
        after: reply, to: request, at: url, hopsDone: hopsDone, limits: order.limits)
    else { return false }
    request = next.request
    url = next.url
    hopsDone += 1
    if rule.origin == nil { rule.origin = connectedClass ?? .unusable }
    refusedAddress = false
    head.startHop()
    return true
  }

  // MARK: - What libcurl asks

  /// Takes one header line; false stops the transfer.
  func receive(header line: UnsafeRawBufferPointer) -> Bool {
    do throws(HTTPError) {
      try head.take(line)
      return true
    } catch {
      return stop(HTTPError(error.code, "\(url.display) was cut off: \(error.message)."))
    }
  }

  /// Takes a piece of the body; false stops the transfer.
  func receive(body piece: UnsafeRawBufferPointer) -> Bool {
    bodySize += Int64(piece.count)
    guard bodySize <= order.limits.bodySizeMax else {
      return stop(
        HTTPError(
          .tooLarge,
          "\(url.display) was cut off: its body exceeds \(order.limits.bodySizeMax) bytes."))
    }
    guard !RedirectRule.follows(reply, order.limits) else { return true }
    guard let sink = order.sink else {
      body.append(contentsOf: piece)
      return true
    }
    do {
      try sink(piece)
      return true
    } catch {
      return stop(
        HTTPError(.sinkFailed, "\(url.display) arrived, but could not be stored: \(error)"))
    }
  }

  /// Opens a socket for a resolved address; -1 refuses the address.
  func openSocket(for address: UnsafePointer<curl_sockaddr>) -> Int32 {
    guard let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return -1 }
    // The memory behind `addr` is as long as `addrlen` says, so it must be read in place.
    let target = (UnsafeRawPointer(address) + offset).assumingMemoryBound(to: sockaddr.self)
    guard let host = HostAddress(target), rule.permits(host.addressClass) else {
      refusedAddress = true
      return -1
    }
    let kind = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
    return socket(address.pointee.family, kind, address.pointee.protocol)
  }

  /// Whether the request may be sent over a connection to that address, be it new or reused.
  func mayUse(connectionTo address: String) -> Bool {
    let found = HostAddress(address)?.addressClass ?? .unusable
    connectedClass = found
    guard rule.permits(found) else {
      refusedAddress = true
      return false
    }
    return true
  }

  private func stop(_ error: HTTPError) -> Bool {
    if failure == nil { failure = error }
    return false
  }
}
