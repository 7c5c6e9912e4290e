import CCurl
import WindlassCore
import WindlassWire

/// All transfers and connections of one transport; lives on its thread alone.
final class CurlPool {
  /// Transfers to one host where a connection carries many: servers allow about a hundred on each,
  /// and long watches must not keep short requests waiting.
  private static let streamsPerHostMax = 200
  /// Handles that wait for a transfer; more than this many at once are rare.
  private static let spareMax = 8

  private let multi: UnsafeMutableRawPointer
  private let security: HTTPSecurity
  private var admission: Admission<Transfer>
  /// Transfers without an answer, waiting or under way.
  private var transfers: [ObjectIdentifier: Transfer] = [:]
  /// Those that libcurl knows, by their handle.
  private var underWay: [UnsafeMutableRawPointer: Transfer] = [:]
  /// Handles of transfers that went well: to make one anew costs more than to use it again.
  private var spare: [EasyHandle] = []
  /// No deadline comes earlier; nil when there is none.
  private var nextDeadline: ContinuousClock.Instant?

  /// Makes a pool over a multi handle, which stays the caller's.
  init(multi: UnsafeMutableRawPointer, security: HTTPSecurity) {
    self.multi = multi
    self.security = security
    admission = Admission(
      totalMax: Bounds.transfersMax,
      perHostMax: security.multiplexes ? CurlPool.streamsPerHostMax : Bounds.transfersPerHostMax)
  }

  /// Takes over an order; it is answered sooner or later, whatever happens.
  func start(_ order: TransferOrder) {
    guard !order.isCancelled else { return order.finish(.failure(CurlFailure.cancelled(order))) }
    guard admission.waiting < Bounds.transfersWaitingMax else {
      return order.finish(.failure(CurlFailure.refused(order)))
    }
    let transfer = Transfer(order)
    transfers[ObjectIdentifier(order)] = transfer
    admission.enqueue(transfer, host: transfer.url.origin)
    nextDeadline = min(nextDeadline ?? order.deadline, order.deadline)
  }

  /// Ends the transfer of an order, if it has not ended.
  func cancel(_ order: TransferOrder) {
    guard let transfer = transfers[ObjectIdentifier(order)] else { return }
    end(transfer, .failure(CurlFailure.cancelled(order)))
  }

  /// Ends all transfers.
  func cancelAll() {
    for transfer in Array(transfers.values) { cancel(transfer.order) }
  }

  /// Moves everything as far as it goes without waiting; returns for how many milliseconds libcurl
  /// may then sleep, at most.
  func turn() -> Int32 {
    expire()
    admit()
    var running: Int32 = 0
    let code = curl_multi_perform(multi, &running)
    collect()
    if code != CURLM_OK { failAll(code) }
    admit()
    guard let nextDeadline else { return .max }
    let wait = Interval(ContinuousClock.now.duration(to: nextDeadline)).milliseconds
    // One more than the rest: a deadline that is not quite over must not spin.
    return Int32(clamping: max(0, wait) + 1)
  }

  // MARK: - One transfer

  /// Starts whoever may start.
  private func admit() {
    while let transfer = admission.next() {
      guard !transfer.isFinished else {
        admission.finish(host: transfer.url.origin)
        continue
      }
      do throws(HTTPError) {
        try launch(transfer)
      } catch {
        admission.finish(host: transfer.url.origin)
        end(transfer, .failure(error))
      }
    }
  }

  private func launch(_ transfer: Transfer) throws(HTTPError) {
    let easy = if let used = spare.popLast() { used } else { try EasyHandle() }
    try easy.prepare(
      for: transfer,
      remaining: Interval(ContinuousClock.now.duration(to: transfer.order.deadline)),
      security: security)
    let code = curl_multi_add_handle(multi, easy.pointer)
    guard code == CURLM_OK else {
      throw HTTPError(.other, "libcurl refused a request (\(reason(code))).")
    }
    transfer.easy = easy
    underWay[easy.pointer] = transfer
  }

  /// Takes the handle back from libcurl and frees the transfer's place.
  private func land(_ transfer: Transfer) {
    guard let easy = transfer.easy else { return }
    underWay[easy.pointer] = nil
    curl_multi_remove_handle(multi, easy.pointer)
    transfer.easy = nil
    admission.finish(host: transfer.url.origin)
  }

  private func end(_ transfer: Transfer, _ result: Result<HTTPResponse, HTTPError>) {
    land(transfer)
    transfers[ObjectIdentifier(transfer.order)] = nil
    transfer.finish(result)
  }

  /// Ends or continues every transfer whose hop is over.
  private func collect() {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle,
        let transfer = underWay[handle]
      else { continue }
      // The message belongs to libcurl and is gone with the handle: read it first.
      hopEnded(transfer, ccurl_message_result(message))
    }
  }

  private func hopEnded(_ transfer: Transfer, _ code: CURLcode) {
    guard code == CURLE_OK, transfer.failure == nil else {
      return end(transfer, .failure(CurlFailure.error(code, of: transfer)))
    }
    do throws(HTTPError) {
      let reply = transfer.reply
      let easy = transfer.easy
      land(transfer)
      if let easy, spare.count < CurlPool.spareMax, (try? easy.reset()) != nil {
        spare.append(easy)
      }
      guard try transfer.followRedirect() else { return end(transfer, .success(reply)) }
      admission.enqueue(transfer, host: transfer.url.origin)
    } catch {
      end(transfer, .failure(error))
    }
  }

  // MARK: - All transfers

  /// Ends every transfer whose time is over, those in line included.
  private func expire() {
    let now = ContinuousClock.now
    guard let earliest = nextDeadline, earliest <= now else { return }
    for transfer in Array(transfers.values) where transfer.order.deadline <= now {
      end(transfer, .failure(CurlFailure.timedOut(transfer)))
    }
    nextDeadline = transfers.values.map(\.order.deadline).min()
  }

  /// Ends what is under way after libcurl itself failed, so that nobody waits for it.
  private func failAll(_ code: CURLMcode) {
    for transfer in Array(underWay.values) {
      end(
        transfer,
        .failure(
          HTTPError(.other, "\(transfer.url.display) failed: libcurl stopped (\(reason(code))).")))
    }
  }

  private func reason(_ code: CURLMcode) -> String { String(cString: curl_multi_strerror(code)) }
}

extension Interval {
  /// The duration in whole milliseconds, rounded down.
  fileprivate init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self.init(milliseconds: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
  }
}
